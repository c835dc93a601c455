//! The values of the application's variables: typed, in files, in the environment. Errors show no values.

use std::collections::BTreeMap;

use super::args::SourceArgs;
use super::{ExitCode, Failure};
use crate::settings::env::Environment;

/// The values by name, each given once.
pub fn variables(args: &SourceArgs, environment: &Environment) -> Result<BTreeMap<String, String>, Failure> {
    let mut variables = BTreeMap::new();
    for text in &args.variables {
        let (name, value) = typed(text)?;
        if variables.insert(name.clone(), value).is_some() {
            return Err(Failure::new(ExitCode::Usage, format!("--variable gives {name:?} twice")));
        }
    }
    for name in &args.variable_from_env {
        if variables.insert(name.clone(), from_environment(name, environment)?).is_some() {
            let given = args.variables.iter().any(|text| text.split_once('=').is_some_and(|(given, _)| given == name));
            let message = match given {
                true => format!("--variable and --variable-from-env both give {name:?}"),
                false => format!("--variable-from-env gives {name:?} twice"),
            };
            return Err(Failure::new(ExitCode::Usage, message));
        }
    }
    Ok(variables)
}

/// `NAME=VALUE`: a value may be empty and may hold further `=`, and `@FILE` stands for what is in a file, but for a line's
/// end at its end.
fn typed(text: &str) -> Result<(String, String), Failure> {
    let Some((name, value)) = text.split_once('=').filter(|(name, _)| is_name(name)) else {
        let message = "could not use a --variable: it is not NAME=VALUE, with a name in lower case";
        return Err(Failure::new(ExitCode::Usage, message).hint("--variable NAME=VALUE"));
    };
    let value = match value.strip_prefix('@') {
        // The way to write a value that begins so.
        Some(rest) if rest.starts_with('@') => rest.to_owned(),
        Some(file) => read_value(name, file)?,
        None => value.to_owned(),
    };
    Ok((name.to_owned(), value))
}

/// Whether this may be meant for a name, which manifests have in lower case. What may not is more likely a secret that ends
/// in `=`, as Base64 does: names are shown.
fn is_name(text: &str) -> bool {
    text.starts_with(|char: char| char.is_ascii_lowercase())
        && text.chars().all(|char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '_')
}

fn read_value(name: &str, file: &str) -> Result<String, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        // What was meant for a value must not be shown as the name of a file.
        let message = format!("could not read the value of variable {name:?} from the file after its @");
        let mut failure = Failure::new(ExitCode::Usage, message);
        failure.causes = vec![error.to_string()];
        failure
            .hint(format!("name a file that can be read: `spin-deploy --variable {name}=@FILE`"))
            .hint(format!("a value that begins with @ is written with two: `spin-deploy --variable {name}=@@VALUE`"))
    })?;
    let line = text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text));
    Ok(line.unwrap_or(&text).to_owned())
}

/// The value of the environment variable of this name, or of the same name in upper case. One that is set to nothing
/// counts as unset: so pipelines hand on secrets that they do not have.
fn from_environment(name: &str, environment: &Environment) -> Result<String, Failure> {
    let upper = name.to_ascii_uppercase();
    let Some((found, value)) =
        [name, upper.as_str()].into_iter().find_map(|name| Some((name, environment.named(name)?)))
    else {
        let missing = match name == upper {
            true => format!("{upper} is not set"),
            false => format!("neither {name} nor {upper} is set"),
        };
        let message = format!("--variable-from-env {name}: {missing} in the environment");
        return Err(Failure::new(ExitCode::Usage, message).hint(format!("export {upper}=...")));
    };
    match value.to_str() {
        Some(value) => Ok(value.to_owned()),
        None => Err(Failure::new(ExitCode::Usage, format!("could not read {found}: its value is not UTF-8"))),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn decide(
        typed: &[&str],
        from_env: &[&str],
        environment: &[(&str, &str)],
    ) -> Result<BTreeMap<String, String>, Failure> {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let args = SourceArgs {
            from: PathBuf::from("."),
            variables: owned(typed),
            variable_from_env: owned(from_env),
            build: false,
        };
        variables(&args, &environment.iter().copied().collect())
    }

    fn map(values: &[(&str, &str)]) -> BTreeMap<String, String> {
        values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn variables_have_a_name_and_are_given_once() {
        let good = decide(&["a=b", "c=", "d=e=f", "g=@@h"], &[], &[]).unwrap();
        assert_eq!(good, map(&[("a", "b"), ("c", ""), ("d", "e=f"), ("g", "@h")]));
        for bad in [&["hunter2"][..], &["=hunter2"], &["hunter2+/="], &["aHVudGVyMg=="], &["a=hunter2", "a=hunter2"]] {
            let failure = decide(bad, &[], &[]).unwrap_err();
            assert_eq!(failure.code, ExitCode::Usage);
            let shown = format!("{failure:?}");
            assert!(!shown.contains("hunter2") && !shown.contains("aHVudGVyMg"), "{shown}");
        }
    }

    #[test]
    fn a_value_may_stand_in_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("token");
        std::fs::write(&file, "hunter2\n").unwrap();
        let given = |file: &std::path::Path| decide(&[&format!("token=@{}", file.display())], &[], &[]);
        assert_eq!(given(&file).unwrap()["token"], "hunter2");
        let failure = given(&directory.path().join("gone")).unwrap_err();
        assert_eq!(failure.code, ExitCode::Usage);
        assert!(
            failure.message.starts_with("could not read the value of variable \"token\" from "),
            "{}",
            failure.message
        );
    }

    #[test]
    fn a_value_may_stand_in_the_environment() {
        let environment = [("token", "own"), ("TOKEN", "other"), ("API_KEY", "upper"), ("EMPTY", "")];
        let good = decide(&["a=b"], &["token", "api_key"], &environment).unwrap();
        assert_eq!(good, map(&[("a", "b"), ("token", "own"), ("api_key", "upper")]));

        for (typed, from_env, message) in [
            (&[][..], &["gone"][..], "--variable-from-env gone: neither gone nor GONE is set in the environment"),
            (&[], &["GONE"], "--variable-from-env GONE: GONE is not set in the environment"),
            (&[], &["empty"], "--variable-from-env empty: neither empty nor EMPTY is set in the environment"),
            (&[], &["token", "token"], "--variable-from-env gives \"token\" twice"),
            (&["token=x"], &["token"], "--variable and --variable-from-env both give \"token\""),
        ] {
            let failure = decide(typed, from_env, &environment).unwrap_err();
            assert_eq!((failure.code, failure.message.as_str()), (ExitCode::Usage, message));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_value_that_is_no_text_is_refused_by_name() {
        use std::ffi::OsString;
        use std::os::unix::ffi::OsStringExt;
        let environment = [("TOKEN", OsString::from_vec(vec![0xff]))].into_iter().collect();
        let failure = from_environment("token", &environment).unwrap_err();
        assert_eq!(failure.message, "could not read TOKEN: its value is not UTF-8");
    }
}
