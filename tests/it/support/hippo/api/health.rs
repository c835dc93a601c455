//! GET /healthz.

use serde_json::{Value, json};

use super::super::{reply::Reply, server::Server};

/// Asks Nomad and Bindle; 503 when one of them does not answer, with the same body.
pub async fn report(server: &Server) -> Reply {
    let nomad = server.nomad.is_healthy();
    let bindle = server.bindle.is_healthy().await;
    let all = nomad && bindle;
    let body = json!({
        "ServiceName": "Hippo",
        "Description": "",
        "Status": status(all),
        "Subservices": [
            { "ServiceName": "ApplicationDbContext", "Description": "", "Status": "Healthy", "Subservices": [] },
            service("Bindle", bindle),
            service("Nomad", nomad),
        ],
    });
    let code = if all { 200 } else { 503 };
    Reply::empty(code).without_version().with_body("application/json", body.to_string())
}

fn service(name: &str, healthy: bool) -> Value {
    let description = if healthy { "A healthy result." } else { "An unhealthy result." };
    json!({ "ServiceName": name, "Description": description, "Status": status(healthy), "Subservices": [] })
}

fn status(healthy: bool) -> &'static str {
    if healthy { "Healthy" } else { "Unhealthy" }
}
