//! The engine that is built in: wasmtime, with WASI 0.2 and, for core modules, preview 1.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use hyper::header::{CONTENT_LENGTH, HeaderValue};
use hyper::{Request, body::Body as _};
use wasmtime::component::{Component, Linker};
use wasmtime::{ExternType, Module};
use wasmtime_wasi::p2::bindings::CommandPre;
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use super::key_value::Databases;
use super::{Body, Engine, HandleError, Handler, Limits, PrepareError, Workload};
use crate::package::directory::{Executor, Support};

mod cgi;
mod guest;
mod outbound;
mod output;
mod runtime;
mod spin;
#[cfg(test)]
mod tests;
mod wagi;
mod wasi_http;

use guest::{Guest, Host};
pub use runtime::EngineError;
use runtime::{INSTANCES, MOST_INSTANCES, Runtime};

/// The interfaces of WASI that components may import, each in every version from 0.2.0 on.
const WASI: &[&str] = &[
    "wasi:cli/environment@0.2",
    "wasi:cli/exit@0.2",
    "wasi:cli/stderr@0.2",
    "wasi:cli/stdin@0.2",
    "wasi:cli/stdout@0.2",
    "wasi:cli/terminal-input@0.2",
    "wasi:cli/terminal-output@0.2",
    "wasi:cli/terminal-stderr@0.2",
    "wasi:cli/terminal-stdin@0.2",
    "wasi:cli/terminal-stdout@0.2",
    "wasi:clocks/monotonic-clock@0.2",
    "wasi:clocks/wall-clock@0.2",
    "wasi:filesystem/preopens@0.2",
    "wasi:filesystem/types@0.2",
    "wasi:http/outgoing-handler@0.2",
    "wasi:http/types@0.2",
    "wasi:io/error@0.2",
    "wasi:io/poll@0.2",
    "wasi:io/streams@0.2",
    "wasi:random/insecure-seed@0.2",
    "wasi:random/insecure@0.2",
    "wasi:random/random@0.2",
    "wasi:sockets/instance-network@0.2",
    "wasi:sockets/ip-name-lookup@0.2",
    "wasi:sockets/network@0.2",
    "wasi:sockets/tcp-create-socket@0.2",
    "wasi:sockets/tcp@0.2",
    "wasi:sockets/udp-create-socket@0.2",
    "wasi:sockets/udp@0.2",
];

/// The entry point of a module where the manifest names none.
const START: &str = "_start";

/// The engine that is built in. Cheap to clone.
#[derive(Clone)]
pub struct Embedded {
    runtime: Runtime,
    components: Linker<Guest>,
    modules: wasmtime::Linker<Guest>,
    databases: Arc<Databases>,
}

impl Embedded {
    /// Starts it. Compiled code is kept in that directory, which is made where it is missing and has to be this user's
    /// alone; several processes may share it. There are 200 instances at the same time or, where that is more, as many
    /// as one application may have requests, but 1000 at most.
    pub fn new(code_cache: &Path, concurrent: u32) -> Result<Embedded, EngineError> {
        let runtime = Runtime::start(code_cache, concurrent.clamp(INSTANCES, MOST_INSTANCES))?;
        let (components, modules) =
            link(&runtime.engine).map_err(|error| EngineError::Runtime(format!("{error:#}")))?;
        Ok(Embedded { runtime, components, modules, databases: Arc::default() })
    }
}

/// What it can run, as plain data: known before there is an engine.
pub fn support() -> Support {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Support {
        triggers: owned(&["http"]),
        interfaces: owned(&[WASI, spin::INTERFACES].concat()),
        handlers: owned(&["wasi:http/incoming-handler@0.2"]),
        modules: owned(&["wasi_snapshot_preview1"]),
        ..Support::default()
    }
}

/// What components and modules may import.
fn link(engine: &wasmtime::Engine) -> wasmtime::Result<(Linker<Guest>, wasmtime::Linker<Guest>)> {
    let mut components = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut components)?;
    outbound::add_to_linker(&mut components)?;
    spin::add_to_linker(&mut components)?;
    let mut modules = wasmtime::Linker::new(engine);
    wasmtime_wasi::p1::add_to_linker_async(&mut modules, |guest: &mut Guest| &mut guest.wasi)?;
    Ok((components, modules))
}

#[async_trait]
impl Engine for Embedded {
    fn support(&self) -> Support {
        support()
    }

    async fn prepare(&self, workload: Workload) -> Result<Arc<dyn Handler>, PrepareError> {
        let component = workload.component.clone();
        let refused = |why: String| PrepareError { component: component.clone(), why };
        let embedded = self.clone();
        // Compiling takes up to seconds, on all processors.
        let compiled = tokio::task::spawn_blocking(move || embedded.compile(workload)).await;
        compiled.map_err(|error| refused(error.to_string()))?.map_err(refused)
    }
}

impl Embedded {
    /// `Err` is a fragment.
    fn compile(&self, workload: Workload) -> Result<Arc<dyn Handler>, String> {
        let wasm = std::fs::read(&workload.wasm).map_err(|error| format!("its Wasm cannot be read: {error}"))?;
        let is_component = wasmparser::Parser::is_component(&wasm);
        let stores = self.databases.open(&workload.database);
        let host = |workload| Arc::new(Host::new(self.runtime.clone(), stores, workload));
        match workload.executor.clone() {
            Executor::Http if is_component => {
                let pre = self.component(&wasm, ProxyPre::new)?;
                Ok(Arc::new(wasi_http::Component { host: host(workload), pre }))
            }
            Executor::Http => Err("it is a core module, which only the Wagi executor runs".to_owned()),
            Executor::Wagi { argv, entrypoint } => {
                let program =
                    if is_component { self.command(&wasm, &entrypoint)? } else { self.module(&wasm, entrypoint)? };
                Ok(Arc::new(wagi::Script { host: host(workload), program, argv }))
            }
        }
    }

    /// Compiles and links a component, and finds in it what `exports` needs.
    fn component<T>(
        &self,
        wasm: &[u8],
        exports: impl FnOnce(wasmtime::component::InstancePre<Guest>) -> wasmtime::Result<T>,
    ) -> Result<T, String> {
        let engine = &self.runtime.engine;
        let component = Component::from_binary(engine, wasm).map_err(in_a_line)?;
        let (mut linker, support) = (self.components.clone(), support());
        spin::stub_foreign(&mut linker, &component, engine, |name| support.supports(name)).map_err(in_a_line)?;
        linker.instantiate_pre(&component).and_then(exports).map_err(in_a_line)
    }

    fn command(&self, wasm: &[u8], entrypoint: &str) -> Result<wagi::Program, String> {
        if entrypoint != START {
            return Err(format!("a component has no entry point `{entrypoint}`, only `wasi:cli/run`"));
        }
        self.component(wasm, CommandPre::new).map(wagi::Program::Command)
    }

    fn module(&self, wasm: &[u8], entrypoint: String) -> Result<wagi::Program, String> {
        let module = Module::from_binary(&self.runtime.engine, wasm).map_err(in_a_line)?;
        let pre = self.modules.instantiate_pre(&module).map_err(in_a_line)?;
        match module.get_export(&entrypoint) {
            Some(ExternType::Func(function)) if function.params().len() + function.results().len() == 0 => {
                Ok(wagi::Program::Module { pre, entrypoint })
            }
            _ => Err(format!("it exports no function `{entrypoint}` without parameters and results")),
        }
    }
}

/// An error and its causes.
fn in_a_line(error: wasmtime::Error) -> String {
    format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Refuses a request that tells by itself that it is too large.
fn refuse_too_large(request: &Request<Body>, limits: &Limits) -> Result<(), HandleError> {
    let declared = request.headers().get(CONTENT_LENGTH).and_then(content_length);
    let least = declared.unwrap_or_else(|| request.body().size_hint().lower());
    let limit = limits.request_body;
    if least > limit { Err(HandleError::RequestTooLarge { limit }) } else { Ok(()) }
}

fn content_length(value: &HeaderValue) -> Option<u64> {
    value.to_str().ok()?.parse().ok()
}
