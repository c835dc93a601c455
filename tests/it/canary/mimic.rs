//! A server that answers everything in one wrong way.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::task::JoinHandle;

/// How it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// It takes no credential.
    Refuses,
    /// It takes every credential, and forbids everything.
    Forbids,
    /// It fails.
    Fails,
    /// A proxy's page.
    Page,
    /// What it says is no JSON, whatever it says.
    Garbage,
    /// It gives back everything that it was sent, as a problem of the request.
    Echoes,
    /// It gives back everything that it was sent, as a proxy's page of an error of its own.
    EchoesOnPage,
    /// It gives back everything that it was sent, as if it were the answer.
    EchoesAsAnswer,
    /// It sends clients elsewhere, what they sent included.
    Redirects,
}

pub const MANNERS: [Manner; 9] = [
    Manner::Refuses,
    Manner::Forbids,
    Manner::Fails,
    Manner::Page,
    Manner::Garbage,
    Manner::Echoes,
    Manner::EchoesOnPage,
    Manner::EchoesAsAnswer,
    Manner::Redirects,
];

/// The server. It stops when it is dropped.
pub struct Mimic {
    origin: String,
    received: Arc<Mutex<String>>,
    serving: JoinHandle<()>,
}

impl Drop for Mimic {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

#[derive(Clone)]
struct Answers {
    manner: Manner,
    received: Arc<Mutex<String>>,
}

impl Mimic {
    pub async fn start(manner: Manner) -> Mimic {
        let received = Arc::default();
        let answers = Answers { manner, received: Arc::clone(&received) };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
        let origin = format!("http://{}", listener.local_addr().expect("a listener has an address"));
        let router = Router::new().fallback(answer).with_state(answers);
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.expect("serving does not end") });
        Mimic { origin, received, serving }
    }

    /// `http://127.0.0.1:PORT`
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// All that clients sent, as text.
    pub fn received(&self) -> String {
        self.received.lock().expect("no handler panics while it holds the lock").clone()
    }
}

async fn answer(State(answers): State<Answers>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let mut sent = format!("{} {}\n", parts.method, parts.uri);
    for (name, value) in &parts.headers {
        sent += &format!("{name}: {}\n", value.to_str().unwrap_or_default());
    }
    sent += &String::from_utf8_lossy(&body);
    answers.received.lock().expect("no handler panics while it holds the lock").push_str(&sent);
    respond(answers.manner, &sent)
}

fn respond(manner: Manner, sent: &str) -> Response {
    let problem = |status: u16| {
        let body =
            json!({ "title": sent, "detail": sent, "status": status, "errors": { "Password": [sent] }, "error": sent });
        (StatusCode::from_u16(status).expect("it is a status"), axum::Json(body)).into_response()
    };
    let page = |status: StatusCode, text: &str| {
        let body = format!("<html><body><h1>{status}</h1><pre>{text}</pre></body></html>");
        (status, [(header::CONTENT_TYPE, "text/html")], body).into_response()
    };
    match manner {
        Manner::Refuses => {
            let challenge = [(header::WWW_AUTHENTICATE, r#"Bearer error="invalid_token", Basic realm="bindle""#)];
            (StatusCode::UNAUTHORIZED, challenge).into_response()
        }
        Manner::Forbids => StatusCode::FORBIDDEN.into_response(),
        Manner::Fails => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Manner::Page => page(StatusCode::BAD_GATEWAY, "no upstream"),
        Manner::Garbage => {
            ([(header::CONTENT_TYPE, "application/json")], "{\"token\": 5, \"items\": [").into_response()
        }
        Manner::Echoes => problem(400),
        Manner::EchoesOnPage => page(StatusCode::NOT_FOUND, sent),
        Manner::EchoesAsAnswer => {
            let body = json!({ "token": { "of": sent }, "items": sent, "expiration": sent });
            axum::Json(body).into_response()
        }
        Manner::Redirects => {
            let line: String = sent.chars().filter(|letter| letter.is_ascii_graphic()).collect();
            let location = HeaderValue::from_str(&format!("http://127.0.0.1:1/{line}")).expect("it is ASCII");
            (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, location)]).into_response()
        }
    }
}
