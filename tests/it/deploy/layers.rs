//! A release that does not get ready names the layer that keeps it from answering: one test for each layer, in the words
//! that people see, and the last record that machines get.

use tokio::net::TcpSocket;

use super::{App, Program, Stack, deploy, version};
use crate::support::hippo::{JobStatus, Start};

/// Deploys, which fails, and then waits, which fails as well; what a person is told of the one, and a machine of the other.
async fn told(app: &App, stack: &Stack, app_url: &str) -> String {
    let program = || Program::deploying(app, stack).env("SPIN_DEPLOY_APP_URL", app_url);
    let deployed = program().args(&["--timeout", "2s"]).run().await.expect(9);
    assert_eq!(deployed.stdout, "");
    let waited = program().args(&["wait", "--timeout", "2s", "--format", "json"]).run().await.expect(9);
    assert_eq!(waited.stderr, "");
    let last = waited.stdout.lines().last().expect("every run ends with a record");
    let last: serde_json::Value = serde_json::from_str(last).expect("a record is JSON");
    let shown = format!("{}\n{last:#}", deployed.stderr);
    let addresses = [(stack.hippo_url(), "http://HIPPO"), (app_url.replace("{domain}", "shop.hippo.localhost"), "APP")];
    let shown = addresses.iter().fold(shown, |shown, (address, name)| shown.replace(address, name));
    shown.replace(&version(app), "VERSION")
}

/// Times and the like are not the same in each run and on each system.
macro_rules! assert_told {
    ($told:expr, @$expected:literal) => {
        let told = $told;
        insta::with_settings!({ filters => vec![
            (r" in \d+(\.\d+)? m?s", " in TIME"),
            (r#""time": "[^"]+""#, r#""time": "NOW""#),
            (r" \(os error \d+\)", ""),
            (r"1\.0\.0\+s[0-9a-f]+", "BEFORE"),
            // On a busy machine a step may take so long that it says so.
            (r"(?m)^still .*\n", ""),
        ] }, {
            insta::assert_snapshot!(told, @$expected);
        });
    };
}

/// A stack on which the next build starts so.
async fn starting(start: Start) -> (App, Stack) {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    stack.hippo.set_start(start);
    (app, stack)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_cannot_read_the_package() {
    let (app, stack) = starting(Start::Unreadable).await;
    assert_told!(told(&app, &stack, &stack.app_url_template()).await, @r#"
    loading . … 1 component in TIME
    packaging shop 1.0.0 … shop/VERSION, 3 files, 446 B in TIME
    planning hippo at http://HIPPO … a first release in TIME
    uploading shop/VERSION … 3 files, 446 B in TIME
    releasing shop/VERSION … release VERSION in TIME
    error: shop/VERSION was released, but did not answer within 2s
      caused by: the job is pending; VERSION is recorded; it answers with status 502
      layer: package: the host that should run the application cannot read its package
      the application's last log lines:
        | Error: Failed to load invoice 'shop/VERSION' from 'http://bindle.internal/v1'
      live now: release VERSION at APP, which has not answered yet
      try: see whether packages can be read there: `spin-deploy doctor`, with the options of this target

    {
      "app": "shop",
      "error": {
        "causes": [
          "the job is pending; VERSION is recorded; it answers with status 502"
        ],
        "code": 9,
        "hints": [
          "see whether packages can be read there: `spin-deploy doctor`, with the options of this target"
        ],
        "layer": "package",
        "live": "release VERSION at APP, which has not answered yet",
        "logs": [
          "Error: Failed to load invoice 'shop/VERSION' from 'http://bindle.internal/v1'"
        ],
        "message": "shop VERSION was released, but did not answer within 2s",
        "problems": [],
        "reason": "outcome_unknown"
      },
      "event": "failed",
      "target": "hippo",
      "time": "NOW",
      "v": 1
    }
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_host_takes_the_job() {
    let (app, stack) = starting(Start::NotPlaced).await;
    assert_told!(told(&app, &stack, &stack.app_url_template()).await, @r#"
    loading . … 1 component in TIME
    packaging shop 1.0.0 … shop/VERSION, 3 files, 446 B in TIME
    planning hippo at http://HIPPO … a first release in TIME
    uploading shop/VERSION … 3 files, 446 B in TIME
    releasing shop/VERSION … release VERSION in TIME
    error: shop/VERSION was released, but did not answer within 2s
      caused by: the job is pending; VERSION is recorded; nothing is served under this address yet (status 404)
      layer: placement: no host has been found that runs the application
      live now: release VERSION at APP, which has not answered yet
      try: ask who runs the platform for room, and wait on: `spin-deploy wait`, with the options of this target

    {
      "app": "shop",
      "error": {
        "causes": [
          "the job is pending; VERSION is recorded; nothing is served under this address yet (status 404)"
        ],
        "code": 9,
        "hints": [
          "ask who runs the platform for room, and wait on: `spin-deploy wait`, with the options of this target"
        ],
        "layer": "placement",
        "live": "release VERSION at APP, which has not answered yet",
        "logs": [],
        "message": "shop VERSION was released, but did not answer within 2s",
        "problems": [],
        "reason": "outcome_unknown"
      },
      "event": "failed",
      "target": "hippo",
      "time": "NOW",
      "v": 1
    }
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_the_build_before_says_nothing_of_a_job_that_no_host_takes() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    deploy(&app, &stack).await;
    stack.hippo.set_start(Start::NotPlaced);
    app.write("static/index.html", "second");
    // Words about a bindle that the build before got over.
    let log = [&["Error fetching remote invoice shop/0.9.0"][..], &["served"; 20]].concat();
    stack.write_log("shop", &log);
    let output = Program::deploying(&app, &stack).args(&["--timeout", "2s"]).run().await.expect(9);
    assert!(output.stderr.contains("the job is pending; "), "{}", output.stderr);
    assert!(output.stderr.contains("layer: route: "), "the address alone is believed: {}", output.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_application_ends() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    deploy(&app, &stack).await;
    stack.hippo.set_start(Start::Crash(JobStatus::Dead));
    stack.write_log("shop", &["starting", "panicked at 'no database'"]);
    app.write("static/index.html", "second");
    assert_told!(told(&app, &stack, &stack.app_url_template()).await, @r#"
    loading . … 1 component in TIME
    packaging shop 1.0.0 … shop/VERSION, 3 files, 447 B in TIME
    planning hippo at http://HIPPO … replaces BEFORE in TIME
    uploading shop/VERSION … 1 file, 6 B in TIME
    releasing shop/VERSION … release VERSION in TIME
    error: shop/VERSION was released, but did not answer within 2s
      caused by: the job is dead; VERSION is recorded; it answers with status 502
      layer: application: the application itself ends or fails
      the application's last log lines:
        | starting
        | panicked at 'no database'
      live now: release VERSION at APP, which has not answered yet
      try: read what it writes: `spin-deploy logs`, with the options of this target

    {
      "app": "shop",
      "error": {
        "causes": [
          "the job is dead; VERSION is recorded; it answers with status 502"
        ],
        "code": 9,
        "hints": [
          "read what it writes: `spin-deploy logs`, with the options of this target"
        ],
        "layer": "application",
        "live": "release VERSION at APP, which has not answered yet",
        "logs": [
          "starting",
          "panicked at 'no database'"
        ],
        "message": "shop VERSION was released, but did not answer within 2s",
        "problems": [],
        "reason": "outcome_unknown"
      },
      "event": "failed",
      "target": "hippo",
      "time": "NOW",
      "v": 1
    }
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_has_no_route() {
    let (app, stack) = starting(Start::Unrouted).await;
    assert_told!(told(&app, &stack, &stack.app_url_template()).await, @r#"
    loading . … 1 component in TIME
    packaging shop 1.0.0 … shop/VERSION, 3 files, 446 B in TIME
    planning hippo at http://HIPPO … a first release in TIME
    uploading shop/VERSION … 3 files, 446 B in TIME
    releasing shop/VERSION … release VERSION in TIME
    error: shop/VERSION was released, but did not answer within 2s
      caused by: the job is running; VERSION is recorded; nothing is served under this address yet (status 404)
      layer: route: nothing leads from this address to the application
      the application's last log lines:
        | Serving http://127.0.0.1:1234
        | Available Routes:
      live now: release VERSION at APP, which has not answered yet
      try: compare its address with what is routed: `spin-deploy status`, with the options of this target
      try: if the address is not the application's, say how it is made: `--app-url 'http://{domain}:8088'`

    {
      "app": "shop",
      "error": {
        "causes": [
          "the job is running; VERSION is recorded; nothing is served under this address yet (status 404)"
        ],
        "code": 9,
        "hints": [
          "compare its address with what is routed: `spin-deploy status`, with the options of this target",
          "if the address is not the application's, say how it is made: `--app-url 'http://{domain}:8088'`"
        ],
        "layer": "route",
        "live": "release VERSION at APP, which has not answered yet",
        "logs": [
          "Serving http://127.0.0.1:1234",
          "Available Routes:"
        ],
        "message": "shop VERSION was released, but did not answer within 2s",
        "problems": [],
        "reason": "outcome_unknown"
      },
      "event": "failed",
      "target": "hippo",
      "time": "NOW",
      "v": 1
    }
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_answers_in_the_applications_place() {
    let (app, stack) = starting(Start::Unreached).await;
    assert_told!(told(&app, &stack, &stack.app_url_template()).await, @r#"
    loading . … 1 component in TIME
    packaging shop 1.0.0 … shop/VERSION, 3 files, 446 B in TIME
    planning hippo at http://HIPPO … a first release in TIME
    uploading shop/VERSION … 3 files, 446 B in TIME
    releasing shop/VERSION … release VERSION in TIME
    error: shop/VERSION was released, but did not answer within 2s
      caused by: the job is running; VERSION is recorded; it answers with status 502
      layer: proxy: something in front of the application answers in its place
      the application's last log lines:
        | Serving http://127.0.0.1:1234
        | Available Routes:
      live now: release VERSION at APP, which has not answered yet
      try: read the proxy's log, and the application's: `spin-deploy logs`, with the options of this target
      try: if the address is not the application's, say how it is made: `--app-url 'http://{domain}:8088'`

    {
      "app": "shop",
      "error": {
        "causes": [
          "the job is running; VERSION is recorded; it answers with status 502"
        ],
        "code": 9,
        "hints": [
          "read the proxy's log, and the application's: `spin-deploy logs`, with the options of this target",
          "if the address is not the application's, say how it is made: `--app-url 'http://{domain}:8088'`"
        ],
        "layer": "proxy",
        "live": "release VERSION at APP, which has not answered yet",
        "logs": [
          "Serving http://127.0.0.1:1234",
          "Available Routes:"
        ],
        "message": "shop VERSION was released, but did not answer within 2s",
        "problems": [],
        "reason": "outcome_unknown"
      },
      "event": "failed",
      "target": "hippo",
      "time": "NOW",
      "v": 1
    }
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_cannot_be_looked_up() {
    let (app, stack) = starting(Start::AtOnce).await;
    assert_told!(told(&app, &stack, "http://{domain}.invalid").await, @r#"
    loading . … 1 component in TIME
    packaging shop 1.0.0 … shop/VERSION, 3 files, 446 B in TIME
    planning hippo at http://HIPPO … a first release in TIME
    uploading shop/VERSION … 3 files, 446 B in TIME
    releasing shop/VERSION … release VERSION in TIME
    error: shop/VERSION was released, but did not answer within 2s
      caused by: the job is running; VERSION is recorded; the name could not be looked up: names that end in .invalid have no address
      layer: dns: the name in the application's address could not be looked up
      the application's last log lines:
        | Serving http://127.0.0.1:1234
        | Available Routes:
      live now: release VERSION at APP, which has not answered yet
      try: check the name and its record, or the resolver here, and wait on: `spin-deploy wait`, with the options of this target
      try: if the address is not the application's, say how it is made: `--app-url 'http://{domain}:8088'`

    {
      "app": "shop",
      "error": {
        "causes": [
          "the job is running; VERSION is recorded; the name could not be looked up: names that end in .invalid have no address"
        ],
        "code": 9,
        "hints": [
          "check the name and its record, or the resolver here, and wait on: `spin-deploy wait`, with the options of this target",
          "if the address is not the application's, say how it is made: `--app-url 'http://{domain}:8088'`"
        ],
        "layer": "dns",
        "live": "release VERSION at APP, which has not answered yet",
        "logs": [
          "Serving http://127.0.0.1:1234",
          "Available Routes:"
        ],
        "message": "shop VERSION was released, but did not answer within 2s",
        "problems": [],
        "reason": "outcome_unknown"
      },
      "event": "failed",
      "target": "hippo",
      "time": "NOW",
      "v": 1
    }
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_listens() {
    let (app, stack) = starting(Start::AtOnce).await;
    // Bound and not listening: a server of another test cannot come to be at this address.
    let socket = TcpSocket::new_v4().expect("there are sockets");
    socket.bind("127.0.0.1:0".parse().expect("it is an address")).expect("there are free ports");
    let address = socket.local_addr().expect("it is bound");
    assert_told!(told(&app, &stack, &format!("http://{address}")).await, @r#"
    loading . … 1 component in TIME
    packaging shop 1.0.0 … shop/VERSION, 3 files, 446 B in TIME
    planning hippo at http://HIPPO … a first release in TIME
    uploading shop/VERSION … 3 files, 446 B in TIME
    releasing shop/VERSION … release VERSION in TIME
    error: shop/VERSION was released, but did not answer within 2s
      caused by: the job is running; VERSION is recorded; no connection: Connection refused
      layer: connection: nothing answers at the application's address, or it cannot be reached
      the application's last log lines:
        | Serving http://127.0.0.1:1234
        | Available Routes:
      live now: release VERSION at APP, which has not answered yet
      try: start what shall listen there, and wait on: `spin-deploy wait`, with the options of this target
      try: if the address is not the application's, say how it is made: `--app-url 'http://{domain}:8088'`

    {
      "app": "shop",
      "error": {
        "causes": [
          "the job is running; VERSION is recorded; no connection: Connection refused"
        ],
        "code": 9,
        "hints": [
          "start what shall listen there, and wait on: `spin-deploy wait`, with the options of this target",
          "if the address is not the application's, say how it is made: `--app-url 'http://{domain}:8088'`"
        ],
        "layer": "connection",
        "live": "release VERSION at APP, which has not answered yet",
        "logs": [
          "Serving http://127.0.0.1:1234",
          "Available Routes:"
        ],
        "message": "shop VERSION was released, but did not answer within 2s",
        "problems": [],
        "reason": "outcome_unknown"
      },
      "event": "failed",
      "target": "hippo",
      "time": "NOW",
      "v": 1
    }
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_not_spoken() {
    let (app, stack) = starting(Start::AtOnce).await;
    let plain = stack.app_url_template().replace("http:", "https:");
    assert_told!(told(&app, &stack, &plain).await, @r#"
    loading . … 1 component in TIME
    packaging shop 1.0.0 … shop/VERSION, 3 files, 446 B in TIME
    planning hippo at http://HIPPO … a first release in TIME
    uploading shop/VERSION … 3 files, 446 B in TIME
    releasing shop/VERSION … release VERSION in TIME
    error: shop/VERSION was released, but did not answer within 2s
      caused by: the job is running; VERSION is recorded; no secure connection (TLS): received corrupt message of type InvalidContentType
      layer: tls: there is no secure connection to the application's address
      the application's last log lines:
        | Serving http://127.0.0.1:1234
        | Available Routes:
      live now: release VERSION at APP, which has not answered yet
      try: if its certificate is good, trust who signed it: `spin-deploy wait --ca-cert FILE`, with the options of this target
      try: if the address is not the application's, say how it is made: `--app-url 'http://{domain}:8088'`

    {
      "app": "shop",
      "error": {
        "causes": [
          "the job is running; VERSION is recorded; no secure connection (TLS): received corrupt message of type InvalidContentType"
        ],
        "code": 9,
        "hints": [
          "if its certificate is good, trust who signed it: `spin-deploy wait --ca-cert FILE`, with the options of this target",
          "if the address is not the application's, say how it is made: `--app-url 'http://{domain}:8088'`"
        ],
        "layer": "tls",
        "live": "release VERSION at APP, which has not answered yet",
        "logs": [
          "Serving http://127.0.0.1:1234",
          "Available Routes:"
        ],
        "message": "shop VERSION was released, but did not answer within 2s",
        "problems": [],
        "reason": "outcome_unknown"
      },
      "event": "failed",
      "target": "hippo",
      "time": "NOW",
      "v": 1
    }
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_dead_is_not_waited_for() {
    let (app, stack) = starting(Start::Crash(JobStatus::Dead)).await;
    let output = Program::deploying(&app, &stack).args(&["--timeout", "5m"]).run().await.expect(8);
    assert!(output.stderr.contains("layer: application: "), "{}", output.stderr);
}
