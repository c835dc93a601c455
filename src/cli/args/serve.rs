//! `serve`.

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use super::{LocalArgs, OutputArgs, set};
use crate::settings::{Key, Layer};

/// What stands below the options of `serve`.
pub const AFTER_SERVE_HELP: &str = "\
Ctrl-C or SIGTERM ends it when the requests in flight are answered. A deploy to the target local
starts a server in the background where none is running, and gives it these variables:
SPIN_DEPLOY_LISTEN, SPIN_DEPLOY_FIRST_PORT, SPIN_DEPLOY_MAX_MEMORY, SPIN_DEPLOY_MAX_TIME,
SPIN_DEPLOY_MAX_REQUESTS, SPIN_DEPLOY_MAX_REQUEST_BODY, SPIN_DEPLOY_MAX_RESPONSE_BODY.";

/// The options of `serve`.
#[derive(Args)]
pub struct ServeArgs {
    /// Ask the running server to stop, and wait until it has
    #[arg(long)]
    pub stop: bool,

    /// Leave the terminal that this was started from: what a deploy does when no server is running
    #[arg(long, hide = true, conflicts_with = "stop")]
    pub detached: bool,

    #[command(flatten)]
    pub local: LocalArgs,
    #[command(flatten)]
    pub serving: ServingArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

/// How to serve. Taken apart by the settings, which read the variables of the same meaning.
#[derive(Args)]
#[command(next_help_heading = "Serving")]
#[group(id = "serving", multiple = true, conflicts_with = "stop")]
pub struct ServingArgs {
    /// The address to serve on [default: 127.0.0.1]
    #[arg(long, value_name = "IP", value_parser = NonEmptyStringValueParser::new())]
    pub listen: Option<String>,

    /// The port of the first app [default: 3000]
    #[arg(long, value_name = "PORT", value_parser = NonEmptyStringValueParser::new())]
    pub first_port: Option<String>,

    /// Memory of one request [default: 256MiB]
    #[arg(long, value_name = "SIZE", value_parser = NonEmptyStringValueParser::new())]
    pub max_memory: Option<String>,

    /// Time of one request [default: 30s]
    #[arg(long, value_name = "DURATION", value_parser = NonEmptyStringValueParser::new())]
    pub max_time: Option<String>,

    /// Requests of an app at once [default: 100]
    #[arg(long, value_name = "NUMBER", value_parser = NonEmptyStringValueParser::new())]
    pub max_requests: Option<String>,

    /// Length of a request's body [default: 16MiB]
    #[arg(long, value_name = "SIZE", value_parser = NonEmptyStringValueParser::new())]
    pub max_request_body: Option<String>,

    /// Length of an answer's body [default: 64MiB]
    #[arg(long, value_name = "SIZE", value_parser = NonEmptyStringValueParser::new())]
    pub max_response_body: Option<String>,
}

impl ServeArgs {
    /// The layer of settings that the flags make.
    pub fn layer(&self) -> Layer {
        let mut layer = Layer::default();
        set(&mut layer, [(Key::DataDir, &self.local.data_dir)]);
        let texts = [
            (Key::Listen, &self.serving.listen),
            (Key::FirstPort, &self.serving.first_port),
            (Key::MaxMemory, &self.serving.max_memory),
            (Key::MaxTime, &self.serving.max_time),
            (Key::MaxRequests, &self.serving.max_requests),
            (Key::MaxRequestBody, &self.serving.max_request_body),
            (Key::MaxResponseBody, &self.serving.max_response_body),
        ];
        set(&mut layer, texts);
        layer
    }
}
