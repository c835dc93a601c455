//! The name and version of a package.

use semver::{BuildMetadata, Version};

use super::common::app_place;
use super::{BuildInfo, Findings, PackageId};
use crate::app::Application;

/// The longest revision number that Hippo registers, in bytes (`deislabs/hippo@v0.20.2`).
const MAX_VERSION: usize = 128;
/// Hex digits of a derived tag: 80 bits.
const TAG_DIGITS: usize = 20;

/// How the formats differ in what they make of a name and a version.
#[derive(Debug)]
pub(super) struct Naming {
    /// The code of refusals.
    pub code: &'static str,
    /// What gets the name: `a bindle`.
    pub bundle: &'static str,
    /// The version of an application without one; `None` where it must have one.
    pub without_version: Option<Version>,
}

/// Name and version, but for a tag that only the content decides.
#[derive(Debug)]
pub(super) struct Identity {
    pub name: String,
    version: Version,
    pub derived: bool,
}

impl Identity {
    /// The version without a derived tag.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// The identity of the package whose content has this digest (hex).
    pub fn with_content(&self, digest: &str) -> PackageId {
        let version = match self.derived {
            true => tagged(&self.version, &format!("s{}", &digest[..TAG_DIGITS])).expect("hex digits are metadata"),
            false => self.version.clone(),
        };
        PackageId { name: self.name.clone(), version }
    }
}

/// Whether a version ends in the tag that its content gives it. `content` makes the digest (hex) of the content with the
/// version as it is without a tag.
pub(super) fn is_tag_of(version: &Version, content: impl FnOnce(&Version) -> String) -> bool {
    let base = Version { build: BuildMetadata::EMPTY, ..version.clone() };
    let is_tag = |text: &str| text.len() == TAG_DIGITS + 1 && text.starts_with('s');
    let own = version.build.rsplit('.').next().unwrap_or_default();
    // What the manifest itself has for build metadata stands before the tag.
    let base = match version.build.strip_suffix(own).and_then(|rest| rest.strip_suffix('.')) {
        Some(rest) => BuildMetadata::new(rest).map_or(base.clone(), |build| Version { build, ..base.clone() }),
        None => base,
    };
    is_tag(own) && content(&base).starts_with(&own[1..])
}

/// Reads name and version of an application; `None` where something is refused.
pub(super) fn identify(
    app: &Application,
    naming: &Naming,
    build_info: &BuildInfo,
    findings: &mut Findings,
) -> Option<Identity> {
    let name = usable_name(app, naming, findings);
    let version = base_version(app, naming, findings);
    let identity = Identity {
        name: name?,
        version: with_given(version?, build_info, app, findings)?,
        derived: *build_info == BuildInfo::Derived,
    };
    let longest = identity.with_content(&"0".repeat(TAG_DIGITS)).version.to_string();
    if longest.len() > MAX_VERSION {
        findings.refuse(
            None,
            app_place(app, "version"),
            format!("the version is {} bytes long with its build metadata; {MAX_VERSION} are possible", longest.len()),
            "shorten `version` in the manifest, or the build metadata",
        );
        return None;
    }
    Some(identity)
}

/// The names that Bindle servers can serve again and that Hippo accepts.
fn usable_name(app: &Application, naming: &Naming, findings: &mut Findings) -> Option<String> {
    let alphabet = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let name = &app.name;
    if name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(alphabet) {
        return Some(name.clone());
    }
    findings.refuse(
        naming.code,
        app_place(app, "name"),
        format!("`{}` cannot be the name of {}", name.escape_debug(), naming.bundle),
        "choose a `name` of ASCII letters, digits, `-` and `_`, with a letter or digit first",
    );
    None
}

fn base_version(app: &Application, naming: &Naming, findings: &mut Findings) -> Option<Version> {
    let Naming { code, bundle, without_version } = naming;
    let remedy = "set `version` in the manifest to a semantic version such as \"1.0.0\"";
    let at = app_place(app, "version");
    let Some(text) = &app.version else {
        if without_version.is_none() {
            findings.refuse(*code, at, format!("the application has no version, and {bundle} needs one"), remedy);
        }
        return without_version.clone();
    };
    match Version::parse(text) {
        Ok(version) => Some(version),
        Err(error) => {
            let text = text.escape_debug();
            findings.refuse(
                *code,
                at,
                format!("`{text}` is no semantic version ({error}), and {bundle} needs one"),
                remedy,
            );
            None
        }
    }
}

/// The version with the build metadata that the user gave.
fn with_given(version: Version, build_info: &BuildInfo, app: &Application, findings: &mut Findings) -> Option<Version> {
    let BuildInfo::Given(metadata) = build_info else {
        return Some(version);
    };
    let tagged = tagged(&version, metadata);
    if tagged.is_none() {
        findings.refuse(
            None,
            app_place(app, "version"),
            format!("`{}` is no build metadata of a semantic version", metadata.escape_debug()),
            "give `--buildinfo` letters, digits and `-`, in parts joined by `.`",
        );
    }
    tagged
}

/// Adds build metadata, behind what the version has already.
fn tagged(version: &Version, metadata: &str) -> Option<Version> {
    if metadata.is_empty() {
        return None;
    }
    let whole = match version.build.as_str() {
        "" => metadata.to_owned(),
        present => format!("{present}.{metadata}"),
    };
    Some(Version { build: BuildMetadata::new(&whole).ok()?, ..version.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::fixture;

    const NAMING: Naming = Naming { code: "E12", bundle: "a bindle", without_version: None };
    const DIGEST: &str = "3f9a1c0d5e7b2468aabbccddeeff0011";

    fn version_of(version: &str, build_info: BuildInfo) -> Result<String, Vec<String>> {
        let mut app = fixture::application();
        app.version = Some(version.into());
        let mut findings = Findings::default();
        identify(&app, &NAMING, &build_info, &mut findings)
            .map(|identity| identity.with_content(DIGEST).version.to_string())
            .ok_or_else(|| findings.refusals.into_iter().map(|refusal| refusal.message).collect())
    }

    #[test]
    fn versions() {
        let given = |metadata: &str| BuildInfo::Given(metadata.into());
        for (version, build_info, expected) in [
            ("1.4.0", BuildInfo::Derived, "1.4.0+s3f9a1c0d5e7b2468aabb"),
            ("1.4.0+x", BuildInfo::Derived, "1.4.0+x.s3f9a1c0d5e7b2468aabb"),
            ("1.4.0-rc.1", BuildInfo::Derived, "1.4.0-rc.1+s3f9a1c0d5e7b2468aabb"),
            ("1.4.0", BuildInfo::Omitted, "1.4.0"),
            ("1.4.0+x", BuildInfo::Omitted, "1.4.0+x"),
            ("1.4.0", given("ci.007-a"), "1.4.0+ci.007-a"),
            ("1.4.0+x", given("y"), "1.4.0+x.y"),
        ] {
            assert_eq!(version_of(version, build_info).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn build_metadata_that_is_none() {
        for metadata in ["", "a b", "a+b", "a..b", ".a", "a.", "ä", "a_b"] {
            for version in ["1.0.0", "1.0.0+x"] {
                let messages = version_of(version, BuildInfo::Given(metadata.into())).unwrap_err();
                assert_eq!(messages, [format!("`{metadata}` is no build metadata of a semantic version")]);
            }
        }
    }

    #[test]
    fn the_longest_version() {
        let metadata = |length: usize| BuildInfo::Given("a".repeat(length));
        assert_eq!(version_of("1.0.0", metadata(122)).unwrap().len(), 128);
        assert_eq!(
            version_of("1.0.0", metadata(123)).unwrap_err(),
            ["the version is 129 bytes long with its build metadata; 128 are possible"]
        );
        let base = format!("1.0.0-{}", "a".repeat(100));
        assert_eq!(version_of(&base, BuildInfo::Derived).unwrap().len(), 128);
        assert!(version_of(&format!("{base}a"), BuildInfo::Derived).is_err());
        assert!(version_of(&format!("{base}a"), BuildInfo::Omitted).is_ok());
    }

    #[test]
    fn names() {
        for (name, usable) in [
            ("shop", true),
            ("Shop_2-b", true),
            ("2shop", true),
            ("", false),
            ("-shop", false),
            ("_shop", false),
            ("my shop", false),
            ("a/b", false),
            ("a.b", false),
            ("käse", false),
            ("shop\n", false),
        ] {
            let mut app = fixture::application();
            app.name = name.into();
            let mut findings = Findings::default();
            assert_eq!(usable_name(&app, &NAMING, &mut findings).is_some(), usable, "{name}");
            assert_eq!(findings.refusals.len(), usize::from(!usable), "{name}");
        }
    }

    #[test]
    fn a_format_may_have_a_version_for_applications_without_one() {
        let naming = Naming { without_version: Some(Version::new(0, 0, 0)), ..NAMING };
        let app = crate::app::Application { version: None, ..fixture::application() };
        let mut findings = Findings::default();
        let identity = identify(&app, &naming, &BuildInfo::Derived, &mut findings).unwrap();
        assert_eq!(identity.with_content(DIGEST).version.to_string(), "0.0.0+s3f9a1c0d5e7b2468aabb");
        assert_eq!(findings, Findings::default());
    }
}
