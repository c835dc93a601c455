//! Looks for secrets in whatever was written, encoded or not.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// The first form in which a stem occurs. Letters and digits are not changed by escapes and percent-encoding, so the stem
/// itself is all that has to be looked for there; of URLs' lower case it is the lower case.
pub fn found(haystack: &[u8], stem: &str) -> Option<&'static str> {
    let lower = haystack.to_ascii_lowercase();
    let forms = [("plain", stem.to_owned()), ("hexadecimal", hexadecimal(stem)), ("backwards", backwards(stem))];
    let plain = forms.into_iter().find(|(_, form)| holds(&lower, form.to_ascii_lowercase().as_bytes()));
    let encoded = || base64(stem).into_iter().any(|form| holds(haystack, form.as_bytes())).then_some("base64");
    plain.map(|(name, _)| name).or_else(encoded)
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

fn hexadecimal(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn backwards(text: &str) -> String {
    text.chars().rev().collect()
}

/// What is left of a text in Base64, wherever it begins within the three bytes of a group: without the letters at both
/// ends that depend on what stands beside it.
fn base64(text: &str) -> Vec<String> {
    let shifted = (0..3).map(|shift| {
        let encoded = STANDARD_NO_PAD.encode(format!("{}{text}", "\0".repeat(shift)));
        let rest = usize::from(!(shift + text.len()).is_multiple_of(3));
        encoded[[0, 2, 3][shift]..encoded.len() - rest].to_owned()
    });
    // The alphabet of URLs differs in two letters.
    shifted.flat_map(|form| [form.replace('+', "-").replace('/', "_"), form]).collect()
}

#[test]
fn secrets_are_found_in_every_form() {
    let (stem, value) = ("KanariGelb17", "KanariGelb17+/=");
    let mut table = vec![
        ("plain", format!("token {value}")),
        ("plain", format!("http://{}@host", value.replace('+', "%2B"))),
        ("plain", format!("{:?}", format!("\"{value}\""))),
        ("plain", format!("host {}", value.to_lowercase())),
        ("hexadecimal", hexadecimal(value).to_uppercase()),
        ("backwards", format!("x{}", backwards(value))),
    ];
    for before in ["", "a", "ab", "abc", "dana:", "Basic dana:xx"] {
        table.push(("base64", base64::engine::general_purpose::STANDARD.encode(format!("{before}{value} and more"))));
        table.push(("base64", base64::engine::general_purpose::URL_SAFE.encode(format!("{before}{stem}"))));
    }
    for (form, text) in table {
        assert_eq!(found(format!("before {text} after").as_bytes(), stem), Some(form), "{text}");
    }
    for text in ["", "KanariGelb18", "Kanari Gelb17", "S2FuYXJpR2VsYjE4"] {
        assert_eq!(found(text.as_bytes(), stem), None, "{text}");
    }
}
