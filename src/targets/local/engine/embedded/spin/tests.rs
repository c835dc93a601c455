use std::path::Path;

use wasmtime::component::{Component, Resource, ResourceType};
use wasmtime::{Engine, Store};
use wasmtime_wasi::p2::bindings::io::poll::Pollable;
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve, WorldId};

use super::bindings::fermyon::spin::key_value::{Error as SpinError, HostStore};
use super::bindings::fermyon::spin::variables::{self, Error as VariableError};
use super::bindings::wasi::config::store as config;
use super::bindings::wasi::keyvalue::atomics::{self, CasError, HostCas};
use super::bindings::wasi::keyvalue::batch;
use super::bindings::wasi::keyvalue::store::{self as wasi, Error as WasiError, HostBucket};
use super::*;

struct Data(SpinState);

impl SpinView for Data {
    fn spin(&mut self) -> &mut SpinState {
        &mut self.0
    }
}

/// A component with the variables `greeting` and `other`, which may use the stores `default` and `second`.
struct Fixture {
    directory: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Fixture {
        Fixture { directory: tempfile::tempdir().unwrap() }
    }

    fn stores(&self) -> Stores {
        Stores::new(self.directory.path().join("key-value.redb"))
    }

    fn state(&self, stores: &Stores) -> SpinState {
        let variables = [("greeting", "hello"), ("other", "")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let labels = ["default", "second"].map(str::to_owned);
        SpinState::new(Arc::new(variables.into()), stores.clone(), Arc::new(labels.into()))
    }
}

fn again<T: 'static>(handle: &Resource<T>) -> Resource<T> {
    Resource::new_borrow(handle.rep())
}

fn own<T: 'static>(handle: &Resource<T>) -> Resource<T> {
    Resource::new_own(handle.rep())
}

fn text(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

#[tokio::test]
async fn variables_are_found_by_name() {
    let fixture = Fixture::new();
    let mut state = fixture.state(&fixture.stores());
    assert_eq!(variables::Host::get(&mut state, "greeting".to_owned()).await.unwrap(), "hello");
    let unknown = variables::Host::get(&mut state, "unknown".to_owned()).await;
    assert!(matches!(&unknown, Err(VariableError::Undefined(why)) if why.contains("unknown")), "{unknown:?}");
}

#[tokio::test]
async fn names_that_no_variable_can_have_are_invalid() {
    let fixture = Fixture::new();
    let mut state = fixture.state(&fixture.stores());
    for name in ["", "Greeting", "a b", "1a", "_a", "a_", "a__b", "a-b", "ä"] {
        let outcome = variables::Host::get(&mut state, name.to_owned()).await;
        assert!(matches!(&outcome, Err(VariableError::InvalidName(why)) if why.contains(name)), "{name}: {outcome:?}");
    }
    for name in ["a", "a1_2_b3"] {
        assert!(matches!(variables::Host::get(&mut state, name.to_owned()).await, Err(VariableError::Undefined(_))));
    }
}

#[tokio::test]
async fn variables_are_the_configuration_too() {
    let fixture = Fixture::new();
    let mut state = fixture.state(&fixture.stores());
    assert_eq!(config::Host::get(&mut state, "greeting".to_owned()).await.unwrap().as_deref(), Some("hello"));
    assert_eq!(config::Host::get(&mut state, "unknown".to_owned()).await.unwrap(), None);
    assert_eq!(config::Host::get(&mut state, "Not valid".to_owned()).await.unwrap(), None);
    let all = config::Host::get_all(&mut state).await.unwrap();
    assert_eq!(all, [("greeting", "hello"), ("other", "")].map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[tokio::test]
async fn a_spin_store_keeps_what_is_set() {
    let fixture = Fixture::new();
    let mut state = fixture.state(&fixture.stores());
    let store = HostStore::open(&mut state, "default".to_owned()).await.unwrap();
    assert_eq!(HostStore::get(&mut state, again(&store), "a".to_owned()).await.unwrap(), None);
    HostStore::set(&mut state, again(&store), "a".to_owned(), text("1")).await.unwrap();
    assert_eq!(HostStore::get(&mut state, again(&store), "a".to_owned()).await.unwrap(), Some(text("1")));
    assert!(HostStore::exists(&mut state, again(&store), "a".to_owned()).await.unwrap());
    assert_eq!(HostStore::get_keys(&mut state, again(&store)).await.unwrap(), ["a"]);
    HostStore::delete(&mut state, again(&store), "a".to_owned()).await.unwrap();
    assert!(!HostStore::exists(&mut state, again(&store), "a".to_owned()).await.unwrap());
    HostStore::drop(&mut state, store).await.unwrap();
}

#[tokio::test]
async fn a_wasi_bucket_keeps_what_is_set() {
    let fixture = Fixture::new();
    let mut state = fixture.state(&fixture.stores());
    let bucket = wasi::Host::open(&mut state, "default".to_owned()).await.unwrap();
    assert_eq!(HostBucket::get(&mut state, again(&bucket), "a".to_owned()).await.unwrap(), None);
    HostBucket::set(&mut state, again(&bucket), "a".to_owned(), text("1")).await.unwrap();
    assert_eq!(HostBucket::get(&mut state, again(&bucket), "a".to_owned()).await.unwrap(), Some(text("1")));
    assert!(HostBucket::exists(&mut state, again(&bucket), "a".to_owned()).await.unwrap());
    let listed = HostBucket::list_keys(&mut state, again(&bucket), None).await.unwrap();
    assert_eq!((listed.keys, listed.cursor), (vec!["a".to_owned()], None));
    let cursor = HostBucket::list_keys(&mut state, again(&bucket), Some("a".to_owned())).await;
    assert!(matches!(cursor, Err(WasiError::Other(_))));
    HostBucket::delete(&mut state, again(&bucket), "a".to_owned()).await.unwrap();
    assert!(!HostBucket::exists(&mut state, again(&bucket), "a".to_owned()).await.unwrap());
    HostBucket::drop(&mut state, bucket).await.unwrap();
}

#[tokio::test]
async fn a_wasi_bucket_takes_many_keys_at_once() {
    let fixture = Fixture::new();
    let mut state = fixture.state(&fixture.stores());
    let bucket = wasi::Host::open(&mut state, "default".to_owned()).await.unwrap();
    let entries = vec![("a".to_owned(), text("1")), ("b".to_owned(), text("2"))];
    batch::Host::set_many(&mut state, again(&bucket), entries).await.unwrap();
    let keys = ["b", "none", "a"].map(str::to_owned).to_vec();
    let values = batch::Host::get_many(&mut state, again(&bucket), keys.clone()).await.unwrap();
    let expected = [Some(text("2")), None, Some(text("1"))];
    assert_eq!(values, keys.clone().into_iter().zip(expected).collect::<Vec<_>>());
    batch::Host::delete_many(&mut state, again(&bucket), keys).await.unwrap();
    assert_eq!(HostBucket::list_keys(&mut state, bucket, None).await.unwrap().keys, [""; 0]);
}

#[tokio::test]
async fn a_number_is_incremented_from_zero() {
    let fixture = Fixture::new();
    let mut state = fixture.state(&fixture.stores());
    let bucket = wasi::Host::open(&mut state, "default".to_owned()).await.unwrap();
    for (delta, sum) in [(1, 1), (2, 3), (-10, -7)] {
        assert_eq!(atomics::Host::increment(&mut state, again(&bucket), "n".to_owned(), delta).await.unwrap(), sum);
    }
    HostBucket::set(&mut state, again(&bucket), "text".to_owned(), text("seven")).await.unwrap();
    let outcome = atomics::Host::increment(&mut state, bucket, "text".to_owned(), 1).await;
    assert!(matches!(&outcome, Err(WasiError::Other(why)) if why.contains("`text`")), "{outcome:?}");
}

#[tokio::test]
async fn a_swap_succeeds_while_the_key_is_as_it_was() {
    let fixture = Fixture::new();
    let mut state = fixture.state(&fixture.stores());
    let bucket = wasi::Host::open(&mut state, "default".to_owned()).await.unwrap();
    for (before, after) in [(None, "1"), (Some("1"), "2")] {
        let cas = HostCas::new(&mut state, again(&bucket), "k".to_owned()).await.unwrap();
        assert_eq!(HostCas::current(&mut state, again(&cas)).await.unwrap(), before.map(text));
        atomics::Host::swap(&mut state, own(&cas), text(after)).await.unwrap();
        assert_eq!(HostBucket::get(&mut state, again(&bucket), "k".to_owned()).await.unwrap(), Some(text(after)));
        assert!(HostCas::current(&mut state, cas).await.is_err(), "the handle is used up");
    }
}

#[tokio::test]
async fn a_swap_that_came_late_gives_a_handle_for_another_try() {
    let fixture = Fixture::new();
    let mut state = fixture.state(&fixture.stores());
    let bucket = wasi::Host::open(&mut state, "default".to_owned()).await.unwrap();
    let cas = HostCas::new(&mut state, again(&bucket), "k".to_owned()).await.unwrap();
    HostBucket::set(&mut state, again(&bucket), "k".to_owned(), text("theirs")).await.unwrap();
    let Err(CasError::CasFailed(cas)) = atomics::Host::swap(&mut state, cas, text("mine")).await else {
        panic!("the key has changed since")
    };
    assert_eq!(HostBucket::get(&mut state, again(&bucket), "k".to_owned()).await.unwrap(), Some(text("theirs")));
    atomics::Host::swap(&mut state, cas, text("mine")).await.unwrap();
    assert_eq!(HostBucket::get(&mut state, bucket, "k".to_owned()).await.unwrap(), Some(text("mine")));
}

#[tokio::test]
async fn a_swap_compares_with_what_was_read_last() {
    let fixture = Fixture::new();
    let mut state = fixture.state(&fixture.stores());
    let bucket = wasi::Host::open(&mut state, "default".to_owned()).await.unwrap();
    let cas = HostCas::new(&mut state, again(&bucket), "k".to_owned()).await.unwrap();
    HostBucket::set(&mut state, bucket, "k".to_owned(), text("theirs")).await.unwrap();
    assert_eq!(HostCas::current(&mut state, again(&cas)).await.unwrap(), Some(text("theirs")));
    atomics::Host::swap(&mut state, cas, text("mine")).await.unwrap();
}

#[tokio::test]
async fn stores_that_the_manifest_does_not_name_are_denied() {
    let fixture = Fixture::new();
    let mut state = fixture.state(&fixture.stores());
    assert!(matches!(HostStore::open(&mut state, "third".to_owned()).await, Err(SpinError::AccessDenied)));
    assert!(matches!(wasi::Host::open(&mut state, "third".to_owned()).await, Err(WasiError::AccessDenied)));
}

#[tokio::test]
async fn only_so_many_stores_are_open_at_a_time() {
    let fixture = Fixture::new();
    let mut state = fixture.state(&fixture.stores());
    let mut last = None;
    for _ in 0..MAX_OPEN {
        last = Some(HostStore::open(&mut state, "default".to_owned()).await.unwrap());
    }
    assert!(matches!(HostStore::open(&mut state, "default".to_owned()).await, Err(SpinError::StoreTableFull)));
    let wasi = wasi::Host::open(&mut state, "default".to_owned()).await;
    assert!(matches!(&wasi, Err(WasiError::Other(why)) if why == "store table full"), "{wasi:?}");
    HostStore::drop(&mut state, last.unwrap()).await.unwrap();
    HostStore::open(&mut state, "default".to_owned()).await.unwrap();
}

#[tokio::test]
async fn only_so_many_swaps_are_open_at_a_time() {
    let fixture = Fixture::new();
    let mut state = fixture.state(&fixture.stores());
    let bucket = wasi::Host::open(&mut state, "default".to_owned()).await.unwrap();
    let mut last = None;
    for _ in 0..MAX_OPEN {
        last = Some(HostCas::new(&mut state, again(&bucket), "k".to_owned()).await.unwrap());
    }
    let full = HostCas::new(&mut state, again(&bucket), "k".to_owned()).await;
    assert!(matches!(full, Err(WasiError::Other(_))));
    HostCas::drop(&mut state, last.unwrap()).await.unwrap();
    HostCas::new(&mut state, bucket, "k".to_owned()).await.unwrap();
}

#[tokio::test]
async fn two_components_of_an_application_share_a_store() {
    let fixture = Fixture::new();
    let stores = fixture.stores();
    let (mut one, mut other) = (fixture.state(&stores), fixture.state(&stores));
    let written = HostStore::open(&mut one, "default".to_owned()).await.unwrap();
    HostStore::set(&mut one, written, "a".to_owned(), text("1")).await.unwrap();
    let read = wasi::Host::open(&mut other, "default".to_owned()).await.unwrap();
    assert_eq!(HostBucket::get(&mut other, read, "a".to_owned()).await.unwrap(), Some(text("1")));
    let second = HostStore::open(&mut other, "second".to_owned()).await.unwrap();
    assert_eq!(HostStore::get(&mut other, second, "a".to_owned()).await.unwrap(), None);
}

#[tokio::test]
async fn a_damaged_database_is_an_error_of_the_guest() {
    let fixture = Fixture::new();
    std::fs::write(fixture.directory.path().join("key-value.redb"), "no database").unwrap();
    let mut state = fixture.state(&fixture.stores());
    let store = HostStore::open(&mut state, "default".to_owned()).await.unwrap();
    let outcome = HostStore::get(&mut state, store, "a".to_owned()).await;
    assert!(matches!(&outcome, Err(SpinError::Other(why)) if why.contains("key-value.redb")), "{outcome:?}");
    let bucket = wasi::Host::open(&mut state, "default".to_owned()).await.unwrap();
    assert!(matches!(HostBucket::get(&mut state, bucket, "a".to_owned()).await, Err(WasiError::Other(_))));
}

/// The world `app` of some WIT, which may use the packages in `wit/`.
fn world(packages: &[&str]) -> (Resolve, WorldId) {
    let mut resolve = Resolve::default();
    resolve.push_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("wit")).unwrap();
    let mut last = None;
    for package in packages {
        last = Some(resolve.push_str("test.wit", package).unwrap());
    }
    let world = resolve.select_world(&[last.unwrap()], Some("app")).unwrap();
    (resolve, world)
}

fn encode(mut module: Vec<u8>, (resolve, world): &(Resolve, WorldId)) -> Vec<u8> {
    embed_component_metadata(&mut module, resolve, *world, StringEncoding::UTF8, false).unwrap();
    ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap()
}

const CALLER: &str = r#"(module
  (import "fermyon:spin/variables@2.0.0" "get" (func $variable (param i32 i32 i32)))
  (import "fermyon:spin/key-value@2.0.0" "[static]store.open" (func $open (param i32 i32 i32)))
  (import "fermyon:spin/key-value@2.0.0" "[method]store.set" (func $set (param i32 i32 i32 i32 i32 i32)))
  (import "fermyon:spin/key-value@2.0.0" "[method]store.get" (func $get (param i32 i32 i32 i32)))
  (import "fermyon:spin/key-value@2.0.0" "[resource-drop]store" (func $drop (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "greeting")
  (data (i32.const 16) "default")
  (global $free (mut i32) (i32.const 1024))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $free))
    (global.set $free (i32.and (i32.add (i32.add (local.get $at) (local.get 3)) (i32.const 7)) (i32.const -8)))
    (local.get $at))
  ;; Results lie at 100, 200, 300, 400: a byte that is not 0 says error, the payload follows 4 bytes later.
  (func $check (param i32) (if (i32.load8_u (local.get 0)) (then (unreachable))))
  (func (export "run") (result i32)
    (call $variable (i32.const 0) (i32.const 8) (i32.const 100))
    (call $check (i32.const 100))
    (call $open (i32.const 16) (i32.const 7) (i32.const 200))
    (call $check (i32.const 200))
    (call $set (i32.load (i32.const 204)) (i32.const 0) (i32.const 8)
      (i32.load (i32.const 104)) (i32.load (i32.const 108)) (i32.const 300))
    (call $check (i32.const 300))
    (call $get (i32.load (i32.const 204)) (i32.const 0) (i32.const 8) (i32.const 400))
    (call $check (i32.const 400))
    (call $drop (i32.load (i32.const 204)))
    (i32.const 408)))"#;

#[tokio::test]
async fn a_component_reads_a_variable_and_keeps_it_in_a_store() {
    let app = world(&["package test:caller;
        world app {
            import fermyon:spin/variables@2.0.0;
            import fermyon:spin/key-value@2.0.0;
            export run: func() -> string;
        }"]);
    let fixture = Fixture::new();
    let stores = fixture.stores();
    let engine = Engine::default();
    let component = Component::new(&engine, encode(wat::parse_str(CALLER).unwrap(), &app)).unwrap();
    let mut linker = Linker::<Data>::new(&engine);
    add_to_linker(&mut linker).unwrap();
    let mut store = Store::new(&engine, Data(fixture.state(&stores)));
    let instance = linker.instantiate_async(&mut store, &component).await.unwrap();
    let run = instance.get_typed_func::<(), (String,)>(&mut store, "run").unwrap();
    assert_eq!(run.call_async(&mut store, ()).await.unwrap(), ("hello".to_owned(),));
    assert_eq!(stores.get("default", "greeting").await, Ok(Some(text("hello"))));
}

#[tokio::test]
async fn what_is_listed_is_what_is_linked() {
    let imports = INTERFACES.iter().map(|interface| format!("import {interface};")).collect::<String>();
    let app = world(&[&format!("package test:everything; world app {{ {imports} }}")]);
    let engine = Engine::default();
    let module = dummy_module(&app.0, app.1, ManglingAndAbi::Standard32);
    let component = Component::new(&engine, encode(module, &app)).unwrap();
    assert_eq!(component.component_type().imports(&engine).count(), INTERFACES.len());
    let mut linker = Linker::<Data>::new(&engine);
    add_to_linker(&mut linker).unwrap();
    linker.instantiate_pre(&component).unwrap();
}

/// Interfaces as a database's are: plain types in one, resources in others that use these and each other's.
const DATABASE: &str = "package acme:database@1.0.0-draft;
    interface types {
        variant value { null, text(string), bytes(list<u8>) }
        record row { values: list<value> }
        flags rights { read, write }
        enum kind { small, large }
    }
    interface sql {
        use types.{row, value, rights, kind};
        resource connection {
            open: static func(address: string, rights: rights) -> result<connection, string>;
            query: func(text: string, values: list<value>) -> result<list<row>, string>;
        }
        size: func() -> kind;
    }
    interface admin {
        use sql.{connection};
        use wasi:io/poll@0.2.6.{pollable};
        resource audit { constructor(of: borrow<connection>); }
        close: func(connection: connection) -> option<audit>;
        wait: func() -> pollable;
    }";

/// The beginnings of WASI, in a version that the linker does not name exactly.
const POLL: &str = "package wasi:io@0.2.6;
    interface poll {
        resource pollable { ready: func() -> bool; }
    }";

const APP: &str = "package test:foreign;
    world app {
        import acme:database/sql@1.0.0-draft;
        import acme:database/admin@1.0.0-draft;
        import fermyon:spin/variables@2.0.0;
        import wasi:io/poll@0.2.6;
        export run: func();
    }";

fn linker_with_poll(engine: &Engine) -> Linker<Data> {
    let mut linker = Linker::<Data>::new(engine);
    add_to_linker(&mut linker).unwrap();
    let mut poll = linker.instance("wasi:io/poll@0.2.12").unwrap();
    poll.resource("pollable", ResourceType::host::<Pollable>(), |_, _| Ok(())).unwrap();
    poll.func_wrap("[method]pollable.ready", |_, (_,): (Resource<Pollable>,)| Ok((true,))).unwrap();
    linker
}

fn is_known(name: &str) -> bool {
    INTERFACES.contains(&name) || name.starts_with("wasi:io/poll@0.2.")
}

#[tokio::test]
async fn a_component_may_import_what_is_not_offered() {
    let app = world(&[POLL, DATABASE, APP]);
    let engine = Engine::default();
    let module = dummy_module(&app.0, app.1, ManglingAndAbi::Standard32);
    let component = Component::new(&engine, encode(module, &app)).unwrap();
    let mut linker = linker_with_poll(&engine);
    let mut stubbed = stub_foreign(&mut linker, &component, &engine, is_known).unwrap();
    stubbed.sort();
    let expected = ["admin", "sql", "types"].map(|name| format!("acme:database/{name}@1.0.0-draft"));
    assert_eq!(stubbed, expected);
    linker.instantiate_pre(&component).unwrap();
}

#[tokio::test]
async fn calling_what_is_not_offered_is_a_trap_that_names_it() {
    let module = r#"(module
      (import "acme:database/sql@1.0.0-draft" "size" (func $size (result i32)))
      (memory (export "memory") 1)
      (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (unreachable))
      (func (export "run") (drop (call $size))))"#;
    let app = world(&[POLL, DATABASE, APP]);
    let engine = Engine::default();
    let component = Component::new(&engine, encode(wat::parse_str(module).unwrap(), &app)).unwrap();
    let mut linker = linker_with_poll(&engine);
    stub_foreign(&mut linker, &component, &engine, is_known).unwrap();
    let fixture = Fixture::new();
    let mut store = Store::new(&engine, Data(fixture.state(&fixture.stores())));
    let instance = linker.instantiate_async(&mut store, &component).await.unwrap();
    let run = instance.get_typed_func::<(), ()>(&mut store, "run").unwrap();
    let trap = run.call_async(&mut store, ()).await.unwrap_err();
    assert_eq!(
        trap.root_cause().to_string(),
        "the component called `size` of `acme:database/sql@1.0.0-draft`, which the local target does not offer"
    );
}
