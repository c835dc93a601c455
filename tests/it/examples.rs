//! What lies under `examples/` is what it says it is.

use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};

use crate::program::Program;
use crate::support::component;

fn example(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(path)
}

#[test]
fn hello_module_is_made_from_its_text() {
    let text = wat::parse_file(example("hello/hello.wat")).expect("the text is right");
    let binary = std::fs::read(example("hello/hello.wasm")).expect("the module is there");
    assert_eq!(text, binary);
}

#[test]
fn hello_component_is_made_from_its_text() {
    let made = component::encode(&example("hello-component/hello.wat"), &example("hello-component/wit"))
        .expect("text and WIT are right");
    let binary = std::fs::read(example("hello-component/hello.wasm")).expect("the component is there");
    assert_eq!(made, binary);
    assert!(binary.len() <= 10 * 1024, "{} bytes", binary.len());
}

/// The README's first command, with the stack's program as cargo built it beside this test.
#[tokio::test(flavor = "multi_thread")]
async fn hello_is_deployed_to_the_stack_that_an_example_starts() {
    let directory = std::env::current_exe().expect("this test is a file");
    let directory = directory.ancestors().nth(2).expect("it lies in target/debug/deps");
    let program = directory.join("examples/hippo-stack");
    assert!(program.exists(), "`cargo test` builds it; after `cargo test --test it` run `cargo build --examples`");
    let mut stack = tokio::process::Command::new(program);
    let mut stack = stack.stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("it was built");
    let mut lines = BufReader::new(stack.stdout.take().expect("it is piped")).lines();
    let mut program = Program::new(&example("hello"));
    let mut names = Vec::new();
    while let Some(line) = lines.next_line().await.expect("it can be read") {
        if line == "ready" {
            break;
        }
        let (name, value) = line.split_once('=').expect("shell assignments");
        program = program.env(name, value.trim_matches('\''));
        names.push(name.to_owned());
    }
    let expected = ["HIPPO_URL", "BINDLE_SERVER_URL", "HIPPO_USERNAME", "HIPPO_PASSWORD", "SPIN_DEPLOY_APP_URL"];
    assert_eq!(names, expected);

    let output = program.run().await.expect(0);
    assert!(output.stdout.starts_with("http://hello.hippo.localhost:"), "{}", output.stdout);

    let pid = i32::try_from(stack.id().expect("it runs")).expect("process ids are small");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGTERM).expect("it runs");
    assert!(stack.wait().await.expect("it can be waited for").success());
}
