//! Modules and command components that answer as scripts do: one run, standard input to standard output.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::http::request::Parts;
use hyper::{Request, Response};
use tokio::time::timeout;
use wasmtime::{InstancePre, Store};
use wasmtime_wasi::I32Exit;
use wasmtime_wasi::p2::bindings::CommandPre;
use wasmtime_wasi::p2::pipe::MemoryInputPipe;

use super::super::{Body, BodyError, HandleError, Handler};
use super::guest::{Guest, Host, Stdio};
use super::outbound::Origin;
use super::output::{Collected, Output};
use super::{cgi, refuse_too_large};

/// How many bytes of headers there may be before the body.
const HEAD: u64 = 64 * 1024;

/// A script that is ready to run.
pub(super) struct Script {
    pub(super) host: Arc<Host>,
    pub(super) program: Program,
    /// The template of its arguments.
    pub(super) argv: String,
}

/// What is run.
pub(super) enum Program {
    /// A function of a core module.
    Module {
        /// The module.
        pre: InstancePre<Guest>,
        /// The function's name.
        entrypoint: String,
    },
    /// `wasi:cli/run` of a component.
    Command(CommandPre<Guest>),
}

#[async_trait]
impl Handler for Script {
    async fn handle(&self, request: Request<Body>) -> Result<Response<Body>, HandleError> {
        let limits = self.host.workload.limits;
        refuse_too_large(&request, &limits)?;
        let _slot = self.host.slot()?;
        timeout(limits.time, self.answer(request)).await.unwrap_or_else(|_| Err(self.host.timed_out()))
    }
}

impl Script {
    async fn answer(&self, request: Request<Body>) -> Result<Response<Body>, HandleError> {
        let (request, body) = request.into_parts();
        let limits = self.host.workload.limits;
        let input = collect(body, limits.request_body).await.map_err(|error| match error {
            BodyError::TooLarge { limit } => HandleError::RequestTooLarge { limit },
            BodyError::TimedOut { limit } => HandleError::TimedOut { limit },
            BodyError::Broken(why) => HandleError::NoAnswer(format!("the request broke off: {why}")),
        })?;

        let output = Arc::new(Mutex::new(Collected { limit: limits.response_body + HEAD, ..Collected::default() }));
        let mut store = self.host.store(self.stdio(&request, input, &output))?;
        let ran = self.program.run(&mut store).await;
        let output = std::mem::take(&mut *output.lock().unwrap_or_else(PoisonError::into_inner));
        let too_large = HandleError::ResponseTooLarge { limit: limits.response_body };
        if output.exceeded {
            return Err(too_large);
        }
        let status = ran.map_err(|error| self.host.failure(&store, &error))?;
        if output.bytes.is_empty() {
            return Err(HandleError::NoAnswer(format!("it wrote nothing and exited with status {status}")));
        }
        let response = cgi::answer(output.bytes).map_err(HandleError::NoAnswer)?;
        if response.body().len() as u64 > limits.response_body {
            return Err(too_large);
        }
        Ok(response.map(|body| Full::new(body).map_err(|never| match never {}).boxed_unsync()))
    }

    fn stdio(
        &self,
        request: &Parts,
        input: bytes::Bytes,
        output: &Arc<Mutex<Collected>>,
    ) -> Stdio<MemoryInputPipe, Output> {
        Stdio {
            origin: Origin::of(&request.extensions),
            arguments: cgi::arguments(&self.argv, request),
            environment: cgi::environment(&self.host.workload.environment, request, input.len()),
            stdin: MemoryInputPipe::new(input),
            stdout: Output::collect(output.clone()),
        }
    }
}

async fn collect(body: Body, limit: u64) -> Result<bytes::Bytes, BodyError> {
    let limited = Limited::new(body, usize::try_from(limit).unwrap_or(usize::MAX));
    let collected = limited.collect().await.map_err(|error| match error.downcast::<BodyError>() {
        Ok(error) => *error,
        Err(error) if error.is::<LengthLimitError>() => BodyError::TooLarge { limit },
        Err(error) => BodyError::Broken(error.to_string()),
    })?;
    Ok(collected.to_bytes())
}

impl Program {
    /// Runs it to its end and gives its exit status.
    async fn run(&self, store: &mut Store<Guest>) -> wasmtime::Result<i32> {
        let ended = match self {
            Program::Module { pre, entrypoint } => {
                let instance = pre.instantiate_async(&mut *store).await?;
                let function = instance.get_typed_func::<(), ()>(&mut *store, entrypoint)?;
                function.call_async(&mut *store, ()).await.map(Ok)
            }
            Program::Command(pre) => {
                let command = pre.instantiate_async(&mut *store).await?;
                command.wasi_cli_run().call_run(&mut *store).await
            }
        };
        match ended {
            Ok(Ok(())) => Ok(0),
            Ok(Err(())) => Ok(1),
            Err(error) => error.downcast_ref().map(|I32Exit(status)| *status).ok_or(error),
        }
    }
}
