//! Advice can be followed: commands that hints and documents name can be run, options and variables exist.
//!
//! A text test: it looks at the string literals of every source file, and at the code of the documents.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::*;
use crate::settings::env::VARIABLES;

/// Options of other programs.
const OTHERS: &[&str] = &["--help", "--version", "--features", "--locked"];

/// What begins like a command and is none: the mark in invoices.
const NO_COMMANDS: &[&str] = &["spin-deploy bindle 1"];

/// The files below `folder` whose names end so.
fn files(folder: &str, end: &str) -> Vec<(PathBuf, String)> {
    let (mut folders, mut files) = (vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_str().is_some_and(|path| path.ends_with(end)) {
                let text = std::fs::read_to_string(&path).unwrap();
                files.push((path, text));
            }
        }
    }
    files.sort();
    files
}

/// The string literals of the program itself, each with its file.
fn literals() -> Vec<(PathBuf, String)> {
    let is_test = |path: &Path| path.iter().any(|part| part.to_string_lossy().contains("test"));
    let sources = files("src", ".rs")
        .into_iter()
        .filter(|(path, _)| !is_test(path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap()));
    let all = sources.flat_map(|(path, text)| {
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
        strings(&code).into_iter().map(move |literal| (path.clone(), literal))
    });
    all.collect()
}

/// The string literals of Rust source, their escapes taken back as far as it matters here.
fn strings(code: &str) -> Vec<String> {
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code: Vec<char> = lines.collect::<Vec<_>>().join("\n").chars().collect();
    let (mut found, mut at) = (Vec::new(), 0);
    while at < code.len() {
        match code[at] {
            // A quotation mark as a character is none that opens a string.
            '\'' if code.get(at + 1) == Some(&'"') && code.get(at + 2) == Some(&'\'') => at += 3,
            '"' => {
                let raw = at > 0 && (code[at - 1] == 'r' || code[at - 1] == '#');
                let (text, end) = string(&code, at + 1, raw);
                found.push(text);
                at = end;
            }
            _ => at += 1,
        }
    }
    found
}

/// One literal from behind its opening quotation mark, and where the code goes on.
fn string(code: &[char], mut at: usize, raw: bool) -> (String, usize) {
    let mut text = String::new();
    while at < code.len() && code[at] != '"' {
        if code[at] == '\\' && !raw {
            match code.get(at + 1) {
                // The line goes on with its first character that is no space.
                Some('\n') => {
                    at += 2;
                    while code.get(at).is_some_and(|c| c.is_whitespace()) {
                        at += 1;
                    }
                    continue;
                }
                Some('n') => text.push('\n'),
                Some(other) => text.push(*other),
                None => {}
            }
            at += 2;
        } else {
            text.push(code[at]);
            at += 1;
        }
    }
    (text, at + 1)
}

/// The commands that a text tells to run: the whole of it, or what stands in backticks.
fn commands(text: &str) -> Vec<String> {
    let quoted = text.split('`').skip(1).step_by(2);
    let whole = text.lines().filter(|line| !line.contains('`')).map(str::trim);
    let candidates = quoted.chain(whole).map(|command| command.trim_start_matches("$ "));
    let ours = candidates.filter(|command| without_variables(command).starts_with(&format!("{NAME} ")));
    ours.filter(|command| !NO_COMMANDS.contains(command)).map(str::to_owned).collect()
}

/// A command without the variables that are set for it.
fn without_variables(command: &str) -> &str {
    let mut rest = command;
    while let Some((first, others)) = rest.split_once(' ') {
        match first.split_once('=') {
            Some((name, _)) if name.chars().all(|c| c.is_ascii_uppercase() || c == '_') => rest = others,
            _ => break,
        }
    }
    rest
}

/// The words of a command as a shell sees them, those that stand for others filled in.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for c in without_variables(command).split([';', '|', '>']).next().unwrap_or_default().chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, c) if c.is_whitespace() => words.extend(Some(std::mem::take(&mut word)).filter(|w| !w.is_empty())),
            (_, c) => word.push(c),
        }
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    words.retain(|word| !["[OPTIONS]", "...", "…"].contains(&word.as_str()));
    // Where the program fills in a command, any one will do.
    if let Some(command) = words.get_mut(1).filter(|command| *command == "{}") {
        *command = "deploy".to_owned();
    }
    words.into_iter().map(filled).collect()
}

/// A word, or what may stand for it where its place wants more than a text.
fn filled(word: String) -> String {
    match word.as_str() {
        "DURATION" => "5m".to_owned(),
        "SHELL" => "bash".to_owned(),
        _ => word,
    }
}

/// What speaks against a piece of advice.
fn complaints(text: &str) -> Vec<String> {
    let unknown = |command: &String| {
        // What is filled in when the program runs is a value.
        let error = Cli::try_parse_from(words(command)).err()?;
        (!matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion))
            .then(|| format!("{command}: {error}"))
    };
    let bare = |command: &str| format!("`{command}` stands without backticks in: {text}");
    let mut complaints: Vec<String> = commands(text).iter().filter_map(unknown).collect();
    complaints.extend(unquoted(text).map(bare));
    complaints
}

/// A command in the midst of words, where nothing says where it begins and ends.
fn unquoted(text: &str) -> Option<&str> {
    text.split('`').step_by(2).find_map(|part| {
        let (before, rest) = part.split_once(&format!("{NAME} "))?;
        let next = rest.split_whitespace().next()?.trim_end_matches([',', ';', '.']);
        let command = Cli::command();
        let is_command = next.starts_with("--") || command.get_subcommands().any(|known| known.get_name() == next);
        let begins = without_variables(&format!("{}{NAME} ", before.lines().last().unwrap_or_default())).trim() == NAME;
        (is_command && !begins).then_some(rest)
    })
}

/// The options of all commands, hidden ones and aliases included.
fn options() -> BTreeSet<String> {
    let mut command = Cli::command();
    command.build();
    let all = std::iter::once(&command).chain(command.get_subcommands()).flat_map(clap::Command::get_arguments);
    let names =
        all.flat_map(|option| option.get_long().into_iter().chain(option.get_all_aliases().unwrap_or_default()));
    names.map(|name| format!("--{name}")).chain(OTHERS.iter().map(|other| (*other).to_owned())).collect()
}

/// The words of a text that begin so, with nothing before them that makes them part of another word.
fn beginning(text: &str, starts: &[&str], goes_on: fn(char) -> bool) -> Vec<String> {
    let words = text.split(|c: char| !(goes_on(c) || c == '-' || c == '_' || c.is_alphanumeric() || c == '<'));
    let ours = words.filter(|word| starts.iter().any(|start| word.starts_with(start)));
    ours.map(|word| word.trim_end_matches(|c: char| !c.is_alphanumeric()).to_owned()).collect()
}

#[test]
fn commands_in_messages_can_be_run() {
    let found: Vec<_> = literals();
    assert!(found.iter().flat_map(|(_, text)| commands(text)).count() > 10, "the search finds too little");
    let complaints: Vec<_> = found
        .iter()
        .flat_map(|(path, text)| complaints(text).into_iter().map(move |why| format!("{}: {why}", path.display())))
        .collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn commands_in_documents_can_be_run() {
    let mut documents = files("docs", ".md");
    documents.extend(files("examples", ".md"));
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    documents.push((readme.clone(), std::fs::read_to_string(readme).unwrap()));
    let mut seen = 0;
    for (path, text) in documents {
        for command in commands(&text.replace("\\\n", " ").replace("```", "")) {
            seen += 1;
            let parsed = Cli::try_parse_from(words(command.split(" #").next().unwrap_or_default()));
            if let Err(error) = parsed {
                assert!(!error.use_stderr(), "{}: {command}: {error}", path.display());
            }
        }
    }
    assert!(seen > 5, "the search finds too little: {seen}");
}

#[test]
fn options_in_messages_exist() {
    let known = options();
    for (path, text) in literals() {
        for option in beginning(&text, &["--"], |_| false) {
            let is_option = option.chars().nth(2).is_some_and(|c| c.is_ascii_lowercase());
            assert!(!is_option || known.contains(&option), "{}: {option} in {text:?}", path.display());
        }
    }
}

#[test]
fn variables_in_messages_exist() {
    let known: BTreeSet<&str> = VARIABLES.iter().map(|variable| variable.name).collect();
    for (path, text) in literals() {
        for name in beginning(&text, &["HIPPO_", "BINDLE_", "SPIN_"], |_| false) {
            let is_name = name.chars().all(|c| c.is_ascii_uppercase() || c == '_' || c.is_ascii_digit());
            // A variable of the Bindle server itself.
            let other = name == "BINDLE_DIRECTORY";
            assert!(!is_name || other || known.contains(name.as_str()), "{}: {name} in {text:?}", path.display());
        }
    }
}

#[test]
fn the_search_sees_what_is_wrong() {
    assert_eq!(
        strings(
            r#"a("b \"c\" d", r"e\f", '"', "g\
        h")"#
        ),
        ["b \"c\" d", r"e\f", "gh"]
    );
    assert_eq!(commands("end it: `spin-deploy serve --stop`"), ["spin-deploy serve --stop"]);
    assert_eq!(commands("HIPPO_TOKEN=… spin-deploy --build"), ["HIPPO_TOKEN=… spin-deploy --build"]);
    for good in
        ["`spin-deploy login --hippo-url URL`", "run spin-deploy by itself", "spin-deploy --app-url 'http://{domain}'"]
    {
        assert_eq!(complaints(good), [""; 0], "{good}");
    }
    for bad in ["`spin-deploy frob`", "`spin-deploy login --hippo-uri URL`", "or end it: spin-deploy serve --stop"] {
        assert_eq!(complaints(bad).len(), 1, "{bad}");
    }
}
