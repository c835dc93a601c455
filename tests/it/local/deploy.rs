//! First, unchanged, changed, and back: what is stored, what is said, what runs.

use super::machine::Machine;
use crate::support::app::App;

/// The module of [`App`] says `hello`; this one says `other`.
const OTHER: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "content-type: text/plain\n\nother\n")
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 64))
    (i32.store (i32.const 4) (i32.const 32))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))"#;

fn blobs(machine: &Machine) -> Vec<String> {
    let entries = std::fs::read_dir(machine.data().join("blobs")).expect("there are blobs");
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_deploy_needs_no_settings_and_answers() {
    let (machine, app) = (Machine::new(), App::new("shop"));
    let output = machine.try_to_deploy(&app).await.expect(0);
    assert!(output.stderr.contains("started a server"), "{}", output.stderr);
    let url = output.stdout.trim_end();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    assert_eq!(machine.get(url).await.expect(200), "hello\n");
    assert_eq!(machine.get(&format!("{url}/any/thing?x=1")).await.expect(200), "hello\n");
    assert_eq!(blobs(&machine).len(), 3, "the document, the module, the file");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unchanged_application_is_left_alone() {
    let (machine, app) = (Machine::new(), App::new("shop"));
    machine.deploy(&app).await;
    let before = machine.record("shop");
    let output = machine.try_to_deploy(&app).await.expect(0);
    assert!(output.stderr.contains("unchanged"), "{}", output.stderr);
    assert_eq!(machine.record("shop"), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_changed_file_is_stored_and_the_new_release_answers() {
    let (machine, app) = (Machine::new(), App::new("shop"));
    let url = machine.deploy(&app).await;
    let before = blobs(&machine);
    app.write("web.wasm", wat::parse_str(OTHER).unwrap());
    assert_eq!(machine.deploy(&app).await, url, "an application keeps its port");
    assert_eq!(machine.get(&url).await.expect(200), "other\n");
    let new: Vec<_> = blobs(&machine).into_iter().filter(|blob| !before.contains(blob)).collect();
    assert_eq!(new.len(), 2, "the document and the module: {new:?}");
    assert_eq!(machine.record("shop")["current"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_application_has_its_own_port() {
    let (machine, shop, workshop) = (Machine::new(), App::new("shop"), App::new("workshop"));
    workshop.write("web.wasm", wat::parse_str(OTHER).unwrap());
    let (first, second) = (machine.deploy(&shop).await, machine.deploy(&workshop).await);
    assert_ne!(first, second);
    assert_eq!(machine.get(&first).await.expect(200), "hello\n");
    assert_eq!(machine.get(&second).await.expect(200), "other\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_cannot_run_leaves_the_old_one_alone() {
    let (machine, app) = (Machine::new(), App::new("shop"));
    let url = machine.deploy(&app).await;
    // Valid as far as a look at its sections can tell, but its function leaves the stack unbalanced.
    let broken = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x0a\x05\x01\x03\0\x41\0\x0b";
    app.write("web.wasm", &broken[..broken.len() - 2]);
    app.write("web.wasm", [&broken[..broken.len() - 8], b"\x0a\x06\x01\x04\0\x41\0\x0b"].concat());
    let output = machine.try_to_deploy(&app).await;
    assert_eq!(output.code, Some(7), "{}", output.stderr);
    assert!(output.stderr.contains("component `web` cannot be run"), "{}", output.stderr);
    assert!(output.stderr.contains("try: correct the component"), "{}", output.stderr);
    assert_eq!(machine.get(&url).await.expect(200), "hello\n");
    assert_eq!(machine.record("shop")["current"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_end_with_one_of_them() {
    let (machine, app) = (Machine::new(), App::new("shop"));
    let other = App::new("shop");
    other.write("web.wasm", wat::parse_str(OTHER).unwrap());
    let (one, two) = tokio::join!(machine.try_to_deploy(&app), machine.try_to_deploy(&other));
    // Whoever came second is live; the other one is told, unless it had been seen to answer before.
    let codes = [one.code.unwrap(), two.code.unwrap()];
    assert!(codes.contains(&0) && codes.iter().all(|code| [0, 11].contains(code)), "{one:?} {two:?}");
    let url = machine.deploy(&app).await;
    assert_eq!(machine.get(&url).await.expect(200), "hello\n");
    assert!(machine.record("shop")["releases"].as_array().unwrap().len() <= 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_under_another_name_stands_beside_the_first() {
    let (machine, app) = (Machine::new(), App::new("shop"));
    let first = machine.deploy(&app).await;
    app.write("web.wasm", wat::parse_str(OTHER).unwrap());
    let named = || machine.program(app.path()).args(&["--name", "staging"]);
    let second = named().run().await.expect(0).stdout;
    assert_ne!(second.trim_end(), first);
    assert_eq!(machine.get(second.trim_end()).await.expect(200), "other\n");
    assert_eq!(machine.get(&first).await.expect(200), "hello\n", "the first one is left alone");
    assert_eq!(machine.record("staging")["current"], 1);
    let again = named().run().await.expect(0);
    assert!(again.stderr.contains("unchanged") && again.stdout == second, "{again:?}");
    // Names are directories.
    let refused = machine.program(app.path()).args(&["--name", "../shop"]).run().await.expect(3);
    assert!(refused.stderr.contains("which --name gives, cannot be used"), "{}", refused.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_has_to_answer_as_well() {
    let (machine, app) = (Machine::new(), App::new("shop"));
    machine.deploy(&app).await;
    let failed = machine.program(app.path()).args(&["--check", "/any=404", "--timeout", "1"]).run().await.expect(9);
    assert!(failed.stderr.contains("caused by: GET /any answered 200, not 404"), "{}", failed.stderr);
    let checked = || machine.program(app.path()).args(&["--check", "/any?x=y=200"]).run();
    let unchanged = checked().await.expect(0);
    assert!(unchanged.stderr.contains("unchanged"), "{}", unchanged.stderr);
    app.write("web.wasm", wat::parse_str(OTHER).unwrap());
    let released = checked().await.expect(0);
    assert!(released.stderr.contains("released"), "{}", released.stderr);
}
