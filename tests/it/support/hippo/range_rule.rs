//! Range rules: npm ranges as the NuGet package SemanticVersioning 1.3.0 (semver.net) reads them, and Hippo's `P:` rules.
//!
//! Facts: `deislabs/hippo src/Application/Rules/RevisionRangeRule.cs@v0.20.2`,
//! `adamreeve/semver.net src/SemanticVersioning/{ComparatorSet,Comparator,Desugarer,PartialVersion}.cs@1.3.0`.

use std::{cmp::Ordering, collections::HashSet};

/// A rule that Hippo's parser or matcher throws at; the request ends as a 500.
#[derive(Debug, PartialEq, Eq)]
pub struct Thrown;

/// A parsed rule.
#[derive(Debug)]
pub enum RangeRule {
    /// Any npm range.
    Npm(Range),
    /// `P:<range>-<name>-*`.
    Prerelease { range: Range, name: String },
}

impl RangeRule {
    /// Parses a rule as `RevisionRangeRule.Parse` does.
    pub fn parse(rule: &str) -> Result<Self, Thrown> {
        match rule.get(..2) {
            Some(prefix) if prefix.eq_ignore_ascii_case("p:") => Self::parse_prerelease(rule),
            _ => Range::parse(rule).map(Self::Npm),
        }
    }

    fn parse_prerelease(rule: &str) -> Result<Self, Thrown> {
        let body = rule[2..].strip_suffix("-*").ok_or(Thrown)?;
        let (range, name) = body.split_once('-').ok_or(Thrown)?;
        if range.is_empty() || name.is_empty() {
            return Err(Thrown);
        }
        Ok(Self::Prerelease { range: Range::parse(range)?, name: name.to_owned() })
    }

    /// The index of the chosen number, the first of those that are equal up to build metadata.
    pub fn best(&self, numbers: &[&str]) -> Result<Option<usize>, Thrown> {
        match self {
            Self::Npm(range) => best_of_range(range, numbers),
            Self::Prerelease { range, name } => latest_prerelease(range, name, numbers),
        }
    }
}

/// Numbers are put into a dictionary first, so a repeated one throws.
fn best_of_range(range: &Range, numbers: &[&str]) -> Result<Option<usize>, Thrown> {
    let distinct: HashSet<&&str> = numbers.iter().collect();
    if distinct.len() != numbers.len() {
        return Err(Thrown);
    }
    let mut best: Option<(usize, Version)> = None;
    for (index, number) in numbers.iter().enumerate() {
        let Some(version) = Version::parse(number)? else { continue };
        let greater = best.as_ref().is_none_or(|(_, so_far)| version.compare(so_far) == Ordering::Greater);
        if range.is_satisfied(&version) && greater {
            best = Some((index, version));
        }
    }
    Ok(best.map(|(index, _)| index))
}

fn latest_prerelease(range: &Range, name: &str, numbers: &[&str]) -> Result<Option<usize>, Thrown> {
    let mut best: Option<(usize, &str)> = None;
    for (index, number) in numbers.iter().enumerate() {
        let Some((version, user, timestamp)) = split_prerelease(number) else { continue };
        let satisfied = user == name && Version::parse(version)?.is_some_and(|version| range.is_satisfied(&version));
        if satisfied && best.is_none_or(|(_, so_far)| timestamp > so_far) {
            best = Some((index, timestamp));
        }
    }
    Ok(best.map(|(index, _)| index))
}

fn split_prerelease(number: &str) -> Option<(&str, &str, &str)> {
    let (version, prerelease) = number.split_once('-').filter(|(version, _)| !version.is_empty())?;
    let (user, timestamp) = prerelease.rsplit_once('-').filter(|(user, _)| !user.is_empty())?;
    Some((version, user, timestamp))
}

/// A version; its build metadata is dropped because it never counts.
#[derive(Clone, Debug)]
pub struct Version {
    parts: [i32; 3],
    prerelease: Option<String>,
}

impl Version {
    /// Strict parsing; `None` when it is no version, thrown when a number does not fit.
    fn parse(text: &str) -> Result<Option<Self>, Thrown> {
        let text = text.trim();
        let text = text.strip_prefix('v').unwrap_or(text);
        let Some((core, prerelease)) = split_tags(text) else { return Ok(None) };
        let parts: Vec<&str> = core.split('.').collect();
        if parts.len() != 3 || !parts.iter().all(|part| is_strict_number(part)) {
            return Ok(None);
        }
        if prerelease.is_some_and(|tag| tag.split('.').any(has_leading_zero)) {
            return Ok(None);
        }
        let parts = [int32(parts[0])?, int32(parts[1])?, int32(parts[2])?];
        Ok(Some(Self { parts, prerelease: prerelease.map(str::to_owned) }))
    }

    fn new(major: i32, minor: i32, patch: i32) -> Self {
        Self { parts: [major, minor, patch], prerelease: None }
    }

    fn compare(&self, other: &Self) -> Ordering {
        self.parts.cmp(&other.parts).then_with(|| compare_prerelease(&self.prerelease, &other.prerelease))
    }
}

/// Splits `core[-prerelease][+build]`; a tag that is there must not be empty nor hold other characters.
fn split_tags(text: &str) -> Option<(&str, Option<&str>)> {
    let (text, build) = match text.split_once('+') {
        Some((text, build)) => (text, Some(build)),
        None => (text, None),
    };
    if build.is_some_and(|tag| !is_tag(tag)) {
        return None;
    }
    match text.split_once('-') {
        Some((core, tag)) => is_tag(tag).then_some((core, Some(tag))),
        None => Some((text, None)),
    }
}

fn is_tag(tag: &str) -> bool {
    !tag.is_empty() && tag.chars().all(|char| char.is_ascii_alphanumeric() || char == '-' || char == '.')
}

fn is_strict_number(text: &str) -> bool {
    is_number(text) && (text.len() == 1 || !text.starts_with('0'))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn has_leading_zero(identifier: &str) -> bool {
    is_number(identifier) && !is_strict_number(identifier)
}

fn int32(text: &str) -> Result<i32, Thrown> {
    text.parse().map_err(|_| Thrown)
}

fn compare_prerelease(left: &Option<String>, right: &Option<String>) -> Ordering {
    match (left, right) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(left), Some(right)) => compare_identifiers(left, right),
    }
}

fn compare_identifiers(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.split('.'), right.split('.'));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(left), Some(right)) => compare_identifier(left, right),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

fn compare_identifier(left: &str, right: &str) -> Ordering {
    match (left.parse::<u64>(), right.parse::<u64>()) {
        (Ok(left), Ok(right)) => left.cmp(&right),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => left.cmp(right),
    }
}

/// Alternatives of comparator sets.
#[derive(Debug)]
pub struct Range(Vec<Vec<Comparator>>);

impl Range {
    fn parse(text: &str) -> Result<Self, Thrown> {
        text.split("||").map(comparator_set).collect::<Result<_, _>>().map(Self)
    }

    fn is_satisfied(&self, version: &Version) -> bool {
        self.0.iter().any(|set| satisfies(set, version))
    }
}

/// A prerelease counts only beside a comparator with the same three numbers and a prerelease of its own.
fn satisfies(set: &[Comparator], version: &Version) -> bool {
    let all = set.iter().all(|comparator| comparator.is_satisfied(version));
    let admits =
        |comparator: &Comparator| comparator.version.prerelease.is_some() && comparator.version.parts == version.parts;
    all && (version.prerelease.is_none() || set.iter().any(admits))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug)]
struct Comparator {
    operator: Operator,
    version: Version,
}

impl Comparator {
    fn is_satisfied(&self, version: &Version) -> bool {
        let order = version.compare(&self.version);
        match self.operator {
            Operator::Equal => order.is_eq(),
            Operator::Less => order.is_lt(),
            Operator::LessOrEqual => order.is_le(),
            Operator::Greater => order.is_gt(),
            Operator::GreaterOrEqual => order.is_ge(),
        }
    }
}

fn at_least(version: Version) -> Comparator {
    Comparator { operator: Operator::GreaterOrEqual, version }
}

fn below(version: Version) -> Comparator {
    Comparator { operator: Operator::Less, version }
}

/// In each round hyphen, tilde, caret and star ranges and plain comparators are tried, in this order.
fn comparator_set(text: &str) -> Result<Vec<Comparator>, Thrown> {
    let text = text.trim();
    let mut rest = if text.is_empty() { "*" } else { text };
    let mut set = Vec::new();
    while !rest.is_empty() {
        let before = rest.len();
        for read in [hyphen_range, tilde_range, caret_range, star_range, plain_comparator] {
            if let Some((comparators, left)) = read(rest)? {
                set.extend(comparators);
                rest = left;
            }
        }
        if rest.len() == before {
            return Err(Thrown);
        }
    }
    Ok(set)
}

/// What a reader makes of the beginning of a text: the comparators and what is left over.
type Reading<'a> = Result<Option<(Vec<Comparator>, &'a str)>, Thrown>;

fn hyphen_range(text: &str) -> Reading<'_> {
    let Some((low, rest)) = version_chars(text.trim_start()) else { return Ok(None) };
    let Some(rest) = spaced_hyphen(rest) else { return Ok(None) };
    let Some((high, rest)) = version_chars(rest) else { return Ok(None) };
    let (Some(low), Some(high)) = (Partial::parse(low)?, Partial::parse(high)?) else { return Ok(None) };
    let mut set = vec![at_least(low.zeroed())];
    set.extend(upper_bound(&high)?);
    Ok(Some((set, rest.trim_start())))
}

fn spaced_hyphen(text: &str) -> Option<&str> {
    let after = text.trim_start();
    let hyphen = after.strip_prefix('-').filter(|_| after.len() < text.len())?;
    let rest = hyphen.trim_start();
    (rest.len() < hyphen.len()).then_some(rest)
}

fn upper_bound(high: &Partial) -> Result<Option<Comparator>, Thrown> {
    Ok(match (high.major, high.minor, high.patch) {
        (None, ..) => None,
        (Some(major), None, _) => Some(below(Version::new(next(major)?, 0, 0))),
        (Some(major), Some(minor), None) => Some(below(Version::new(major, next(minor)?, 0))),
        _ => Some(Comparator { operator: Operator::LessOrEqual, version: high.zeroed() }),
    })
}

fn tilde_range(text: &str) -> Reading<'_> {
    let Some((partial, rest)) = prefixed(text, '~')? else { return Ok(None) };
    let major = partial.major.ok_or(Thrown)?;
    let upper = match partial.minor {
        Some(minor) => Version::new(major, next(minor)?, 0),
        None => Version::new(next(major)?, 0, 0),
    };
    Ok(Some((vec![at_least(partial.zeroed()), below(upper)], rest)))
}

fn caret_range(text: &str) -> Reading<'_> {
    let Some((partial, rest)) = prefixed(text, '^')? else { return Ok(None) };
    let major = partial.major.ok_or(Thrown)?;
    let upper = match (partial.minor, partial.patch) {
        _ if major > 0 => Version::new(next(major)?, 0, 0),
        (None, _) => Version::new(next(major)?, 0, 0),
        (Some(0), Some(patch)) => Version::new(0, 0, next(patch)?),
        (Some(minor), _) => Version::new(0, next(minor)?, 0),
    };
    Ok(Some((vec![at_least(partial.zeroed()), below(upper)], rest)))
}

/// A text that begins with `sign` and a version; one that is no version throws.
fn prefixed(text: &str, sign: char) -> Result<Option<(Partial, &str)>, Thrown> {
    let after = text.trim_start().strip_prefix(sign).and_then(|after| version_chars(after.trim_start()));
    let Some((version, rest)) = after else { return Ok(None) };
    Ok(Some((Partial::parse(version)?.ok_or(Thrown)?, rest.trim_start())))
}

fn star_range(text: &str) -> Reading<'_> {
    let start = text.trim_start();
    let start = start.strip_prefix('=').unwrap_or(start);
    let Some((version, rest)) = version_chars(start.trim_start()) else { return Ok(None) };
    let Some(partial) = Partial::parse(version)?.filter(|partial| !partial.is_full()) else { return Ok(None) };
    let upper = match (partial.major, partial.minor) {
        (None, _) => None,
        (Some(major), None) => Some(Version::new(next(major)?, 0, 0)),
        (Some(major), Some(minor)) => Some(Version::new(major, next(minor)?, 0)),
    };
    let set = std::iter::once(at_least(partial.zeroed())).chain(upper.map(below)).collect();
    Ok(Some((set, rest.trim_start())))
}

fn plain_comparator(text: &str) -> Reading<'_> {
    let start = text.trim_start();
    let signs = start.len() - start.trim_start_matches(['=', '<', '>']).len();
    let Some((version, rest)) = version_chars(start[signs..].trim_start()) else { return Ok(None) };
    let operator = operator(&start[..signs])?;
    let partial = Partial::parse(version)?.ok_or(Thrown)?;
    Ok(Some((vec![comparator(operator, &partial)?], rest.trim_start())))
}

fn operator(signs: &str) -> Result<Operator, Thrown> {
    Ok(match signs {
        "" | "=" => Operator::Equal,
        "<" => Operator::Less,
        "<=" => Operator::LessOrEqual,
        ">" => Operator::Greater,
        ">=" => Operator::GreaterOrEqual,
        _ => return Err(Thrown),
    })
}

/// `<=1.2.x` means `<1.3.0`, `>1.x` means `>=2.0.0`, `>*` nothing, `<=*` everything.
fn comparator(operator: Operator, partial: &Partial) -> Result<Comparator, Thrown> {
    let (turned, unbounded) = match operator {
        Operator::LessOrEqual if !partial.is_full() => (Operator::Less, Operator::GreaterOrEqual),
        Operator::Greater if !partial.is_full() => (Operator::GreaterOrEqual, Operator::Less),
        _ => return Ok(Comparator { operator, version: partial.zeroed() }),
    };
    Ok(match (partial.major, partial.minor) {
        (None, _) => Comparator { operator: unbounded, version: Version::new(0, 0, 0) },
        (Some(major), None) => Comparator { operator: turned, version: Version::new(next(major)?, 0, 0) },
        (Some(major), Some(minor)) => Comparator { operator: turned, version: Version::new(major, next(minor)?, 0) },
    })
}

fn next(number: i32) -> Result<i32, Thrown> {
    number.checked_add(1).ok_or(Thrown)
}

/// The longest run of characters that a version may hold; `None` when there is not one.
fn version_chars(text: &str) -> Option<(&str, &str)> {
    let is_version_char = |char: char| char.is_ascii_alphanumeric() || "-+.*".contains(char);
    let end = text.find(|char| !is_version_char(char)).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// A version whose parts may be missing or stars.
#[derive(Debug)]
struct Partial {
    major: Option<i32>,
    minor: Option<i32>,
    patch: Option<i32>,
    prerelease: Option<String>,
}

impl Partial {
    /// `None` when the text is no partial version, thrown when a number does not fit.
    fn parse(text: &str) -> Result<Option<Self>, Thrown> {
        let text = text.trim_start_matches(['v', '=']);
        let mut pieces = text.splitn(3, '.');
        let (major, minor, last) = (pieces.next().unwrap_or(""), pieces.next(), pieces.next());
        let (patch, prerelease) = match last.map(split_patch) {
            Some(None) => return Ok(None),
            Some(Some((patch, prerelease))) => (Some(patch), prerelease),
            None => (None, None),
        };
        if ![Some(major), minor, patch].into_iter().flatten().all(|part| is_number(part) || is_star(part)) {
            return Ok(None);
        }
        let prerelease = prerelease.map(str::to_owned);
        Ok(Some(Self { major: part(Some(major))?, minor: part(minor)?, patch: part(patch)?, prerelease }))
    }

    fn is_full(&self) -> bool {
        self.major.is_some() && self.minor.is_some() && self.patch.is_some()
    }

    fn zeroed(&self) -> Version {
        let parts = [self.major, self.minor, self.patch].map(Option::unwrap_or_default);
        Version { parts, prerelease: self.prerelease.clone() }
    }
}

/// Splits `patch[-prerelease][+build]`; the hyphen may be missing after a number ("1.2.3beta").
fn split_patch(text: &str) -> Option<(&str, Option<&str>)> {
    let (text, prerelease) = split_tags(text)?;
    if prerelease.is_some() {
        return Some((text, prerelease));
    }
    let digits = text.len() - text.trim_start_matches(|char: char| char.is_ascii_digit()).len();
    let end = if digits == 0 { text.len().min(1) } else { digits };
    let (patch, tag) = text.split_at_checked(end)?;
    Some((patch, (!tag.is_empty()).then_some(tag)))
}

fn is_star(text: &str) -> bool {
    matches!(text, "x" | "X" | "*")
}

fn part(text: Option<&str>) -> Result<Option<i32>, Thrown> {
    text.filter(|text| !is_star(text)).map(int32).transpose()
}
