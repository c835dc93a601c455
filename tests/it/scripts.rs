//! What others read that the program prints: completions by shells, the manual page by `man`.

use std::io::Write;
use std::process::{Command, Output, Stdio};

fn spin_deploy(args: &[&str]) -> String {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_spin-deploy"));
    // A plugin's name of the program must not get into what is printed.
    command.env_clear().env("HOME", home.path()).env("SPIN_BIN_PATH", "/usr/bin/spin").args(args);
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert_eq!((status.code(), String::from_utf8(stderr).unwrap().as_str()), (Some(0), ""), "{args:?}");
    String::from_utf8(stdout).unwrap()
}

/// Gives a text to a program; `None`: there is no such program on this machine.
fn piped(program: &str, args: &[&str], text: &str) -> Option<Output> {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        child => child.unwrap(),
    };
    let mut input = child.stdin.take().unwrap();
    let text = text.to_owned();
    // From another thread: a program that writes before it has read everything must not wait for us.
    let writer = std::thread::spawn(move || drop(input.write_all(text.as_bytes())));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Some(output)
}

#[track_caller]
fn good(program: &str, output: Output) -> String {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success() && err.is_empty(), "{program}: {}\n{out}\n{err}", output.status);
    out
}

#[test]
fn bash_completes_commands_and_options() {
    let script = spin_deploy(&["completions", "bash"]);
    let ask = |words: &[&str]| {
        let line = words.join("' '");
        let cursor = words.len() - 1;
        let (current, previous) = (words[cursor], words[cursor - 1]);
        format!(
            "{script}\ncomplete -p spin-deploy >&2 || exit 1\nCOMP_WORDS=('{line}'); COMP_CWORD={cursor}\n\
             _spin_deploy spin-deploy '{current}' '{previous}' 2>/dev/null\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"\n"
        )
    };
    let Some(parsed) = piped("bash", &["-n"], &script) else {
        // The text alone can be looked at here.
        assert!(script.contains("_spin_deploy() {") && script.contains("complete -F _spin_deploy"), "{script}");
        return eprintln!("bash is not installed: only the text of its script was looked at");
    };
    good("bash -n", parsed);
    let table: &[(&[&str], &[&str])] = &[
        (&["spin-deploy", "who"], &["whoami"]),
        (&["spin-deploy", "--hippo-u"], &["--hippo-url", "--hippo-username"]),
        (&["spin-deploy", "serve", "--max-t"], &["--max-time"]),
        (&["spin-deploy", "completions", "z"], &["zsh"]),
    ];
    for (words, expected) in table {
        let output = piped("bash", &["--norc", "--noprofile"], &ask(words)).unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(err.contains("-F _spin_deploy spin-deploy"), "{err}");
        assert_eq!(out.lines().collect::<Vec<_>>(), *expected, "{words:?}");
    }
}

#[test]
fn other_shells_can_read_their_scripts() {
    for (shell, args, sign) in [
        ("zsh", &["-n"][..], "#compdef spin-deploy"),
        ("fish", &["--no-execute"][..], "complete -c spin-deploy"),
        ("elvish", &["-compileonly", "/dev/stdin"][..], "edit:completion:arg-completer[spin-deploy]"),
    ] {
        let script = spin_deploy(&["completions", shell]);
        assert!(script.contains(sign), "{shell}: {script}");
        match piped(shell, args, &script) {
            Some(output) => drop(good(shell, output)),
            None => eprintln!("{shell} is not installed: only the text of its script was looked at"),
        }
    }
}

#[test]
fn the_manual_page_is_sound() {
    let page = spin_deploy(&["man"]);
    assert!(page.starts_with(".ie") || page.contains(".TH spin-deploy 1"), "{page}");
    assert!(!page.contains("spin spin-deploy"), "{page}");
    let Some(output) = piped("groff", &["-man", "-Tutf8", "-ww", "-P-cbou", "-rLL=100n"], &page) else {
        return eprintln!("groff is not installed: only the text of the page was looked at");
    };
    // Warnings of all kinds are on: nothing may be on stderr.
    let text = good("groff", output);
    for line in ["NAME", "SYNOPSIS", "COMMANDS", "OPTIONS OF LOGIN", "EXIT STATUS", "ENVIRONMENT", "EXAMPLES"] {
        assert!(text.lines().any(|other| other == line), "{line}:\n{text}");
    }
    let example = "       spin-deploy --target local";
    assert!(text.lines().any(|line| line == example), "{text}");
}

#[test]
fn a_reader_that_went_away_is_no_trouble() {
    for args in [&["completions", "bash"][..], &["man"]] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_spin-deploy"))
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]), "{args:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_spin-deploy")).arg("man").stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(err.starts_with("error: could not write to standard output\n  caused by: No space left"), "{err}");
}
