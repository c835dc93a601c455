//! The HTTP API: what comes before a handler, and which handler it is.
//!
//! Facts: `deislabs/hippo src/Web/{Program,Api/*}.cs@v0.20.2`.

mod accounts;
mod apps;
mod certificates;
mod channels;
mod health;
mod revisions;
mod turn;

use axum::http::header;
use serde_json::json;

use self::turn::{Caller, Turn};
use super::{
    problem::framework_problem,
    reply::{Call, Reply},
    server::Server,
    token::Refusal,
};

/// A path that Hippo knows.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Route {
    Health,
    OpenApi,
    Accounts,
    AuthTokens,
    Apps,
    App(String),
    Channels,
    Channel(String),
    DesiredStatus(String),
    Logs(String),
    ChannelStatuses,
    Revisions,
    Revision(String),
    Certificates,
    Certificate(String),
    Storages,
}

impl Route {
    /// Without regard to case, and with or without a slash at the end.
    fn find(call: &Call) -> Option<Self> {
        let segments: Vec<String> = call.segments().into_iter().map(str::to_ascii_lowercase).collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let id = |id: &str| id.to_owned();
        Some(match segments.as_slice() {
            ["healthz"] => Self::Health,
            ["swagger", "v1", "swagger.json"] => Self::OpenApi,
            ["api", "accounts"] => Self::Accounts,
            ["api", "auth-tokens"] => Self::AuthTokens,
            ["api", "apps"] => Self::Apps,
            ["api", "apps", app] => Self::App(id(app)),
            ["api", "channels"] => Self::Channels,
            ["api", "channels", channel] => Self::Channel(id(channel)),
            ["api", "channels", channel, "desired-status"] => Self::DesiredStatus(id(channel)),
            ["api", "channels", channel, "logs"] => Self::Logs(id(channel)),
            ["api", "channel-statuses"] => Self::ChannelStatuses,
            ["api", "revisions"] => Self::Revisions,
            ["api", "revisions", revision] => Self::Revision(id(revision)),
            ["api", "certificates"] => Self::Certificates,
            ["api", "certificates", certificate] => Self::Certificate(id(certificate)),
            ["api", "storages"] => Self::Storages,
            _ => return None,
        })
    }

    /// The methods, in the order of the `Allow` header.
    fn methods(&self) -> &'static [&'static str] {
        match self {
            Self::Health | Self::OpenApi => &[],
            Self::Accounts | Self::AuthTokens => &["POST"],
            Self::Apps | Self::Channels | Self::Revisions | Self::Certificates => &["GET", "POST"],
            Self::App(_) => &["DELETE", "GET", "PUT"],
            Self::Channel(_) => &["DELETE", "GET", "PATCH", "PUT"],
            Self::DesiredStatus(_) => &["PUT"],
            Self::Logs(_) | Self::ChannelStatuses | Self::Storages => &["GET"],
            Self::Revision(_) => &["DELETE"],
            Self::Certificate(_) => &["DELETE", "PUT"],
        }
    }

    fn is_anonymous(&self) -> bool {
        matches!(self, Self::Accounts | Self::AuthTokens)
    }
}

/// Answers a request.
pub async fn answer(server: &Server, call: &Call) -> Reply {
    match Route::find(call) {
        None => Reply::empty(404).without_version(),
        Some(Route::Health) => health::report(server).await,
        Some(Route::OpenApi) => open_api(),
        Some(route) => guarded(server, call, &route).await,
    }
}

/// Method, version, token and content type are looked at in this order.
async fn guarded(server: &Server, call: &Call, route: &Route) -> Reply {
    let methods = route.methods();
    if !methods.contains(&call.method.as_str()) {
        return Reply::empty(405).without_version().with_header(header::ALLOW, &methods.join(", "));
    }
    if let Some(version) = unsupported_version(call) {
        return refuse_version(call, version);
    }
    let caller = match authenticate(server, call) {
        Ok(caller) => caller,
        Err(_) if route.is_anonymous() => Caller::Nobody,
        Err(Refusal(why)) => {
            let challenge = format!("Bearer{why}");
            return Reply::empty(401).without_version().with_header(header::WWW_AUTHENTICATE, &challenge);
        }
    };
    if matches!(call.method.as_str(), "POST" | "PUT" | "PATCH") && !has_json(call) {
        return framework_problem(415, server.with(|state| (state.next_id(), state.next_id()))).without_version();
    }
    handle(Turn::new(server, call, caller), route).await
}

async fn handle(mut turn: Turn<'_>, route: &Route) -> Reply {
    let outcome = match (route, turn.call.method.as_str()) {
        (Route::Accounts, _) => accounts::create(&mut turn),
        (Route::AuthTokens, _) => accounts::create_token(&mut turn),
        (Route::Apps, "GET") => apps::list(&mut turn),
        (Route::Apps, _) => apps::create(&mut turn).await,
        (Route::App(id), "GET") => apps::get(&mut turn, id),
        (Route::App(id), "PUT") => apps::rename(&mut turn, id),
        (Route::App(id), _) => apps::delete(&mut turn, id),
        (Route::Channels, "GET") => channels::list(&mut turn),
        (Route::Channels, _) => channels::create(&mut turn).await,
        (Route::Channel(id), "GET") => channels::get(&mut turn, id),
        (Route::Channel(id), "PUT") => channels::replace(&mut turn, id).await,
        (Route::Channel(id), "PATCH") => channels::patch(&mut turn, id),
        (Route::Channel(id), _) => channels::delete(&mut turn, id),
        (Route::DesiredStatus(id), _) => channels::set_desired_status(&mut turn, id).await,
        (Route::Logs(id), _) => channels::logs(&mut turn, id),
        (Route::ChannelStatuses, _) => channels::statuses(&mut turn),
        (Route::Revisions, "GET") => revisions::list(&mut turn),
        (Route::Revisions, _) => revisions::register(&mut turn).await,
        (Route::Revision(id), _) => revisions::delete(&mut turn, id),
        (Route::Certificates, "GET") => certificates::list(&mut turn),
        (Route::Certificates, _) => certificates::create(&mut turn),
        (Route::Certificate(id), "PUT") => certificates::replace(&mut turn, id),
        (Route::Certificate(id), _) => certificates::delete(&mut turn, id),
        (Route::Storages, _) => apps::storages(&mut turn).await,
        (Route::Health | Route::OpenApi, _) => Ok(Reply::empty(404)),
    };
    turn.finish(outcome)
}

fn authenticate(server: &Server, call: &Call) -> Result<Caller, Refusal> {
    let scheme = call.header("authorization").and_then(|header| header.split_once(' '));
    let (_, token) = scheme.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).ok_or_else(Refusal::absent)?;
    let claims = server.check_token(token.trim())?;
    let known = server.with(|state| state.user(claims.user).map(|user| user.administrator));
    Ok(match known {
        Some(administrator) => Caller::User { administrator },
        None => Caller::Ghost,
    })
}

/// A well-formed version other than 0.1; what is no version at all is ignored.
fn unsupported_version(call: &Call) -> Option<&str> {
    let version = call.header("api-version")?.trim();
    let (numbers, _) = version.split_once('-').unwrap_or((version, ""));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let well_formed = numbers.split('.').count() <= 2 && numbers.split('.').all(is_number);
    (well_formed && version != "0.1").then_some(version)
}

fn refuse_version(call: &Call, version: &str) -> Reply {
    let host = call.header("host").unwrap_or_default();
    let message = format!(
        "The HTTP resource that matches the request URI 'http://{host}{}' does not support the API version '{version}'.",
        call.path
    );
    let error = json!({ "code": "UnsupportedApiVersion", "message": message, "innerError": null });
    Reply { status: 400, ..Reply::json(&json!({ "error": error })) }
}

/// `application/json`, `text/json`, or anything that ends in `+json`.
fn has_json(call: &Call) -> bool {
    let content_type = call.header("content-type").unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    matches!(essence.as_str(), "application/json" | "text/json")
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// The version in there is always 1.0, whatever Hippo's is.
fn open_api() -> Reply {
    Reply::json(&json!({ "openapi": "3.0.1", "info": { "title": "Hippo", "version": "1.0" }, "paths": {} }))
        .without_version()
}
