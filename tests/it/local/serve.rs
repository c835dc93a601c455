//! The server as a process: started, found, stopped, killed.

use super::machine::Machine;
use crate::support::app::App;

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_every_application_is_served_again() {
    let (machine, shop, workshop) = (Machine::new(), App::new("shop"), App::new("workshop"));
    let urls = [machine.deploy(&shop).await, machine.deploy(&workshop).await];
    machine.kill_server();
    for url in &urls {
        assert!(machine.try_get(url).await.is_err(), "nobody listens at {url}");
    }
    // Whoever deploys next starts a server, and it serves everything.
    machine.deploy(&shop).await;
    for url in &urls {
        assert_eq!(machine.get(url).await.expect(200), "hello\n");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_stopped_and_stopping_again_is_no_error() {
    let (machine, app) = (Machine::new(), App::new("shop"));
    let url = machine.deploy(&app).await;
    machine.serve(&["--stop"]).await.expect(0);
    assert!(machine.try_get(&url).await.is_err());
    assert_eq!(machine.server(), None);
    let again = machine.serve(&["--stop"]).await.expect(0);
    assert!(again.stderr.contains("no server was running"), "{}", again.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_says_who_holds_the_first() {
    let (machine, app) = (Machine::new(), App::new("shop"));
    machine.deploy(&app).await;
    let pid = machine.server().expect("a server runs");
    let second = machine.serve(&[]).await;
    assert_eq!(second.code, Some(11), "{}", second.stderr);
    assert!(second.stderr.contains(&format!("process {pid}")), "{}", second.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_of_a_stopped_server_is_started_without_storing_anything() {
    let (machine, app) = (Machine::new(), App::new("shop"));
    let url = machine.deploy(&app).await;
    machine.serve(&["--stop"]).await.expect(0);
    let before = machine.record("shop");
    let output = machine.try_to_deploy(&app).await.expect(0);
    assert_eq!(output.stdout.trim_end(), url);
    assert_eq!(machine.record("shop"), before);
    assert_eq!(machine.get(&url).await.expect(200), "hello\n");
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_can_look_into_the_data_or_speak_to_the_socket() {
    use std::os::unix::fs::PermissionsExt;
    let (machine, app) = (Machine::new(), App::new("shop"));
    machine.deploy(&app).await;
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&machine.data()), 0o700);
    assert_eq!(mode(&machine.data().join("control.sock")), 0o600);
    assert_eq!(mode(&machine.data().join("server.log")), 0o600);
}
