//! Keeps what was secret in a request out of what is told of its answer: there are proxies whose error pages repeat what
//! they were sent, and servers that quote what they refuse.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// What stands where a secret stood.
const BLOT: &str = "(secret)";

/// The shortest secret that is looked for, in bytes: a shorter one is part of many words, and hides nothing.
const SHORTEST: usize = 4;

/// The text without the secret, in whatever form a server may repeat it.
pub(super) fn without(text: Vec<u8>, secret: &str) -> Vec<u8> {
    if secret.len() < SHORTEST {
        return text;
    }
    let shown = String::from_utf8_lossy(&text);
    let found: Vec<String> = forms(secret).into_iter().filter(|form| shown.contains(form)).collect();
    if found.is_empty() {
        return text;
    }
    found.iter().fold(shown.into_owned(), |shown, form| shown.replace(form, BLOT)).into_bytes()
}

/// The secrets in the value of an `Authorization`: what follows the scheme and, in that of Basic, the password.
pub(super) fn secrets(authorization: &str) -> Vec<String> {
    let Some((scheme, credential)) = authorization.split_once(' ') else { return vec![authorization.to_owned()] };
    let mut secrets = vec![credential.to_owned()];
    if scheme.eq_ignore_ascii_case("basic") {
        let login = STANDARD.decode(credential).ok().and_then(|login| String::from_utf8(login).ok());
        secrets.extend(login.and_then(|login| Some(login.split_once(':')?.1.to_owned())));
    }
    secrets
}

/// As it is, in JSON, in JSON that is text in JSON, in a page, and in an address. The longest first, for others are
/// part of it.
fn forms(secret: &str) -> Vec<String> {
    let json = |text: &str| serde_json::Value::from(text).to_string().trim_matches('"').to_owned();
    let page = secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let quoted = page.replace('"', "&quot;").replace('\'', "&#39;");
    let address: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let mut forms =
        vec![secret.to_owned(), json(secret), json(&json(secret)), page, quoted, address.replace('+', "%20"), address];
    forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
    forms.dedup();
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_blotted_out_in_every_form() {
        let secret = "a\"b&<ü> c/d\\";
        for form in forms(secret) {
            let text = without(format!("before {form} between {form} after").into_bytes(), secret);
            assert_eq!(String::from_utf8(text).unwrap(), "before (secret) between (secret) after", "{form}");
        }
        assert_eq!(forms(secret).len(), 7);
    }

    #[test]
    fn what_holds_no_secret_stays_as_it_is() {
        for text in [&b"Login failed."[..], b"\xff", b""] {
            assert_eq!(without(text.to_vec(), "hunter2"), text);
        }
        assert_eq!(without(b"a password".to_vec(), "a"), b"a password");
    }

    #[test]
    fn credentials_are_found_in_their_header() {
        assert_eq!(secrets("Bearer x.y.z"), ["x.y.z"]);
        assert_eq!(secrets("Basic ZGFuYTpodW50ZXI6Mg=="), ["ZGFuYTpodW50ZXI6Mg==", "hunter:2"]);
        assert_eq!(secrets("Basic ?"), ["?"]);
        assert_eq!(secrets("bare"), ["bare"]);
    }
}
