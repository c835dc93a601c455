//! Reading what components have written: the last lines, and from then on what has come since.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use jiff::Timestamp;
use rev_lines::RawRevLines;

use super::{Escaped, OLD_FILES, Stream, component_of, file_of, numbered};

/// How much is read at once where the last line's end is looked for.
const STEP: u64 = 16 * 1024;
/// How much of a file's beginning tells it from others.
const HEAD: u64 = 256;

/// A line of a component's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When it was written.
    pub time: Timestamp,
    /// By which component, without control characters.
    pub component: String,
    /// Where to.
    pub stream: Stream,
    /// What, without control characters.
    pub text: String,
}

/// Up to where the log of each component was read.
#[derive(Debug, Clone, Default)]
pub struct Bookmarks(BTreeMap<String, Mark>);

/// A place in a file, which stays the same file when it makes way for a new one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mark {
    device: u64,
    inode: u64,
    /// How the file begins, as far as it was read: with the time of its first line. A new file may get the number of one
    /// that was removed.
    head: Vec<u8>,
    /// The end of the last whole line.
    end: u64,
}

impl Mark {
    fn is_same_file(&self, other: &Mark) -> bool {
        let alike = self.head.iter().zip(&other.head).all(|(one, other)| one == other);
        alike && (self.device, self.inode) == (other.device, other.inode)
    }
}

/// The last lines, `count` at most, none older than `since`, of that `component` alone, oldest first; and up to where
/// they reach. Reads from the ends of the files and holds little more than it returns; blocking. A directory that is not
/// there has no lines.
pub fn last(
    dir: &Path,
    count: Option<usize>,
    since: Option<Timestamp>,
    component: Option<&str>,
) -> io::Result<(Vec<Line>, Bookmarks)> {
    let (mut sources, mut bookmarks) = (Vec::new(), Bookmarks::default());
    for id in components(dir)?.into_iter().filter(|id| component.is_none_or(|wanted| wanted == id)) {
        let files = Files::open(&file_of(dir, &id))?;
        bookmarks.0.extend(files.mark().map(|mark| (id.clone(), mark)));
        sources.push(Source { component: Escaped(&id).to_string(), lines: files.newest_first() });
    }
    let mut heads = BinaryHeap::new();
    for (index, source) in sources.iter_mut().enumerate() {
        heads.extend(source.next()?.map(|line| Head(line, index)));
    }
    let mut lines = Vec::new();
    while count.is_none_or(|count| lines.len() < count)
        && let Some(Head(line, index)) = heads.pop()
        && since.is_none_or(|since| line.time >= since)
    {
        lines.push(line);
        heads.extend(sources[index].next()?.map(|line| Head(line, index)));
    }
    lines.reverse();
    Ok((lines, bookmarks))
}

/// What has come since, oldest first, and the new bookmarks. `true`: files were removed that were not read to their end.
pub fn next(dir: &Path, bookmarks: &Bookmarks, component: Option<&str>) -> io::Result<(Vec<Line>, Bookmarks, bool)> {
    let (mut lines, mut next, mut gap) = (Vec::new(), Bookmarks::default(), false);
    let known = bookmarks.0.keys().cloned();
    let all: BTreeSet<String> = components(dir)?.into_iter().chain(known).collect();
    for id in all.into_iter().filter(|id| component.is_none_or(|wanted| wanted == id)) {
        let files = Files::open(&file_of(dir, &id))?;
        let mark = bookmarks.0.get(&id);
        next.0.extend(files.mark().or(mark.cloned()).map(|mark| (id.clone(), mark)));
        let (new, lost) = files.since(mark)?;
        gap |= lost;
        let name = Escaped(&id).to_string();
        let new = String::from_utf8_lossy(&new).into_owned();
        lines.extend(new.lines().filter_map(|line| parse(line, &name)));
    }
    // Times grow within a component's log, so that its own order stays.
    lines.sort_by_key(|line| line.time);
    Ok((lines, next, gap))
}

/// The components that have logs, by id.
pub fn components(dir: &Path) -> io::Result<BTreeSet<String>> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeSet::new()),
        entries => entries?,
    };
    let names = entries.map(|entry| Ok(component_of(&entry?.file_name().to_string_lossy())));
    names.filter_map(Result::transpose).collect()
}

/// A line of a file; `None`: it is none of a log.
fn parse(line: &str, component: &str) -> Option<Line> {
    let mut parts = line.splitn(3, ' ');
    let (time, stream, text) = (parts.next()?, parts.next()?, parts.next()?);
    let stream = match stream {
        "out" => Stream::Out,
        "err" => Stream::Err,
        _ => return None,
    };
    Some(Line { time: time.parse().ok()?, component: component.to_owned(), stream, text: text.to_owned() })
}

/// The files of one component's log, newest first, each up to its last whole line: one may be being written. All are
/// opened at once: one that is rotated away, or written to, later is read as it is now.
struct Files(Vec<Whole>);

impl Files {
    fn open(path: &Path) -> io::Result<Files> {
        let mut files: Vec<Whole> = Vec::new();
        for number in 0..=OLD_FILES {
            let file = match File::open(numbered(path, number)) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                file => Whole::of(file?)?,
            };
            // One that was rotated just now is met twice.
            if files.iter().all(|other| !other.mark.is_same_file(&file.mark)) {
                files.push(file);
            }
        }
        Ok(Files(files))
    }

    /// Up to where they reach.
    fn mark(&self) -> Option<Mark> {
        self.0.first().map(|newest| newest.mark.clone())
    }

    /// The lines from the end.
    fn newest_first(self) -> Box<dyn Iterator<Item = io::Result<Vec<u8>>>> {
        Box::new(self.0.into_iter().flat_map(RawRevLines::new))
    }

    /// The bytes behind a mark; all of them where there is none. `true`: the marked file is gone.
    fn since(self, mark: Option<&Mark>) -> io::Result<(Vec<u8>, bool)> {
        let is_marked =
            |file: &Whole| mark.is_some_and(|mark| mark.is_same_file(&file.mark) && mark.end <= file.mark.end);
        let marked = self.0.iter().position(is_marked);
        let mut begin = mark.filter(|_| marked.is_some()).map_or(0, |mark| mark.end);
        let mut bytes = Vec::new();
        for mut file in self.0.into_iter().take(marked.map_or(usize::MAX, |marked| marked + 1)).rev() {
            file.seek(SeekFrom::Start(begin))?;
            file.read_to_end(&mut bytes)?;
            begin = 0;
        }
        Ok((bytes, mark.is_some() && marked.is_none()))
    }
}

/// Where the last line feed of the first `length` bytes ends; 0 where there is none.
fn end_of_lines(mut file: &File, length: u64) -> io::Result<u64> {
    let mut end = length;
    let mut buffer = Vec::new();
    while end > 0 {
        let begin = end.saturating_sub(STEP);
        buffer.clear();
        file.seek(SeekFrom::Start(begin))?;
        file.take(end - begin).read_to_end(&mut buffer)?;
        if let Some(at) = buffer.iter().rposition(|byte| *byte == b'\n') {
            return Ok(begin + at as u64 + 1);
        }
        end = begin;
    }
    Ok(0)
}

/// A file up to the end of its last whole line.
struct Whole {
    file: File,
    mark: Mark,
    at: u64,
}

impl Whole {
    fn of(file: File) -> io::Result<Whole> {
        let data = file.metadata()?;
        let end = end_of_lines(&file, data.len())?;
        let mut head = Vec::new();
        (&file).seek(SeekFrom::Start(0))?;
        (&file).take(end.min(HEAD)).read_to_end(&mut head)?;
        Ok(Whole { file, mark: Mark { device: data.dev(), inode: data.ino(), head, end }, at: 0 })
    }
}

impl Read for Whole {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(self.mark.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let length = buffer.len().min(rest);
        let count = self.file.read(&mut buffer[..length])?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Whole {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::End(offset) => SeekFrom::Start(self.mark.end.saturating_add_signed(offset)),
            other => other,
        };
        self.at = self.file.seek(to)?;
        Ok(self.at)
    }
}

/// The lines of one component, newest first.
struct Source {
    component: String,
    lines: Box<dyn Iterator<Item = io::Result<Vec<u8>>>>,
}

impl Source {
    /// The next line; passes over what is no line of a log.
    fn next(&mut self) -> io::Result<Option<Line>> {
        for line in &mut self.lines {
            let line = line?;
            if let Some(line) = parse(&String::from_utf8_lossy(&line), &self.component) {
                return Ok(Some(line));
            }
        }
        Ok(None)
    }
}

/// The newest line of a source that was not taken yet, and which source it is.
struct Head(Line, usize);

impl Ord for Head {
    fn cmp(&self, other: &Head) -> std::cmp::Ordering {
        (self.0.time, self.1).cmp(&(other.0.time, other.1))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Head) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Head) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head {}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::PathBuf;

    use proptest::prelude::*;

    use super::super::ComponentLog;
    use super::*;

    /// A directory for the logs of an application that is there.
    fn logs() -> (tempfile::TempDir, PathBuf) {
        let app = tempfile::tempdir().unwrap();
        let dir = app.path().join("logs");
        fs::create_dir(&dir).unwrap();
        (app, dir)
    }

    fn at(second: u32) -> String {
        format!("2026-11-24T00:00:{second:02}.000Z")
    }

    /// Lines of these seconds in the file of that number.
    fn write(dir: &Path, component: &str, number: usize, seconds: &[u32]) {
        let lines: String = seconds.iter().map(|second| format!("{} out at {second}\n", at(*second))).collect();
        let path = numbered(&file_of(dir, component), number);
        let mut file = fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        file.write_all(lines.as_bytes()).unwrap();
    }

    fn rotate(dir: &Path, component: &str) {
        for number in (0..OLD_FILES).rev() {
            let file = |number| numbered(&file_of(dir, component), number);
            let _ = fs::rename(file(number), file(number + 1));
        }
    }

    fn shown(lines: &[Line]) -> Vec<String> {
        lines.iter().map(|line| format!("{:.3} {} {}", line.time, line.component, line.text)).collect()
    }

    fn tail(dir: &Path, count: usize) -> Vec<String> {
        shown(&last(dir, Some(count), None, None).unwrap().0)
    }

    #[test]
    fn the_last_lines_of_all_components_by_time_from_old_files_too() {
        let (_app, dir) = logs();
        write(&dir, "web", 2, &[1, 2]);
        write(&dir, "web", 1, &[5, 6]);
        write(&dir, "web", 0, &[9]);
        write(&dir, "a.log.1/../b c", 0, &[3, 7]);
        // A death between two steps of a rotation.
        write(&dir, "api", 1, &[4, 8]);
        fs::write(dir.join("notes.txt"), format!("{} out no log\n", at(9))).unwrap();
        fs::write(dir.join("odd.log"), "\nno-line\n\u{0}\n").unwrap();

        let line = |second: u32, component: &str| format!("{} {component} at {second}", at(second));
        let other = "a.log.1/../b c";
        let all = [
            line(1, "web"),
            line(2, "web"),
            line(3, other),
            line(4, "api"),
            line(5, "web"),
            line(6, "web"),
            line(7, other),
            line(8, "api"),
            line(9, "web"),
        ];
        for count in [0, 1, 4, 9, 10, usize::MAX] {
            assert_eq!(tail(&dir, count), all[9_usize.saturating_sub(count)..], "{count}");
        }
        let since = Some(at(7).parse().unwrap());
        assert_eq!(shown(&last(&dir, None, since, None).unwrap().0), all[6..]);
        let api = [line(4, "api"), line(8, "api")];
        assert_eq!(shown(&last(&dir, None, None, Some("api")).unwrap().0), api);
    }

    #[test]
    fn of_equal_times_each_component_keeps_its_order() {
        let (_app, dir) = logs();
        let log = ComponentLog::with_clock(file_of(&dir, "hello"), || Timestamp::UNIX_EPOCH);
        log.write(Stream::Out, b"one two\n\n three");
        ComponentLog::with_clock(file_of(&dir, "other"), || Timestamp::UNIX_EPOCH).write(Stream::Err, b"four");
        let lines = ["hello one two", "hello ", "hello  three", "other four"];
        let lines = lines.map(|line| format!("1970-01-01T00:00:00.000Z {line}"));
        assert_eq!(tail(&dir, 9), lines);
        assert_eq!(tail(&dir, 2), lines[2..]);
        let (all, ..) = next(&dir, &Bookmarks::default(), None).unwrap();
        assert_eq!(shown(&all), lines);
    }

    #[test]
    fn where_nothing_was_logged_there_are_no_lines() {
        let (app, _) = logs();
        let nowhere = app.path().join("nowhere");
        assert_eq!(tail(&nowhere, 5), [""; 0]);
        assert!(next(&nowhere, &Bookmarks::default(), None).unwrap().0.is_empty());
    }

    #[test]
    fn a_line_that_is_being_written_is_told_when_it_ends() {
        let (_app, dir) = logs();
        write(&dir, "web", 0, &[1]);
        let path = file_of(&dir, "web");
        let append = |text: &str| {
            fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(text.as_bytes()).unwrap();
        };
        append(&format!("{} err bro", at(2)));
        let (lines, bookmarks) = last(&dir, None, None, None).unwrap();
        assert_eq!(lines.len(), 1);
        append("ken\n");
        let (lines, _, gap) = next(&dir, &bookmarks, None).unwrap();
        assert_eq!((shown(&lines), gap), (vec![format!("{} web broken", at(2))], false));
    }

    #[test]
    fn what_was_rotated_away_unread_is_told() {
        let (_app, dir) = logs();
        write(&dir, "web", 0, &[1]);
        let (_, bookmarks) = last(&dir, None, None, None).unwrap();
        for second in 2..=6 {
            rotate(&dir, "web");
            write(&dir, "web", 0, &[second]);
        }
        let (lines, bookmarks, gap) = next(&dir, &bookmarks, None).unwrap();
        let seconds: Vec<String> = (3..=6).map(|second| format!("{} web at {second}", at(second))).collect();
        assert_eq!((shown(&lines), gap), (seconds, true));
        let (lines, _, gap) = next(&dir, &bookmarks, None).unwrap();
        assert_eq!((lines, gap), (vec![], false));
    }

    #[derive(Debug, Clone)]
    enum Act {
        Write(&'static str),
        Rotate(&'static str),
        Look,
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// However lines, rotations and looks follow each other: every line comes once, in order, or a gap is told.
        #[test]
        fn every_line_is_told_once(acts in prop::collection::vec(prop_oneof![
            4 => Just(Act::Write("api")),
            4 => Just(Act::Write("web")),
            1 => Just(Act::Rotate("web")),
            2 => Just(Act::Look),
        ], 0..40)) {
            let (_app, dir) = logs();
            let (mut written, mut told, mut lost) = (Vec::new(), Vec::new(), false);
            let (lines, mut bookmarks) = last(&dir, None, None, None).unwrap();
            prop_assert!(lines.is_empty());
            for act in acts.into_iter().chain([Act::Look]) {
                match act {
                    Act::Write(component) => {
                        let second = written.len() as u32;
                        write(&dir, component, 0, &[second]);
                        written.push(format!("{} {component} at {second}", at(second)));
                    }
                    Act::Rotate(component) => rotate(&dir, component),
                    Act::Look => {
                        let (lines, new, gap) = next(&dir, &bookmarks, None).unwrap();
                        told.extend(shown(&lines));
                        lost |= gap;
                        bookmarks = new;
                    }
                }
            }
            if !lost {
                let web = |line: &&String| line.contains(" web ");
                // A first file may be gone before the first look: then nobody knows of it.
                prop_assert!(told.len() <= written.len());
                prop_assert_eq!(
                    told.iter().filter(|line| !web(line)).collect::<Vec<_>>(),
                    written.iter().filter(|line| !web(line)).collect::<Vec<_>>()
                );
            }
            let unique: BTreeSet<&String> = told.iter().collect();
            prop_assert_eq!(unique.len(), told.len(), "{:?}", told);
            prop_assert!(told.iter().all(|line| written.contains(line)));
        }
    }
}
