//! What components write to standard output and error: a file for each component, rotated.
//!
//! A line is `<time> <out|err> <text>`. The crate `file-rotate` panics where its directory cannot be made or a file
//! was moved, and drops lines in silence where a file cannot be opened, hence the few lines here.

use std::collections::{BTreeSet, BinaryHeap};
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use rev_lines::RawRevLines;

use super::paths::{escaped, private_dir, unescaped};

/// The longest line, in bytes as the component wrote them; the rest of a longer one follows as a line of its own.
const LONGEST_LINE: usize = 16 * 1024;
/// The largest file, in bytes.
const LARGEST_FILE: u64 = 10 * 1024 * 1024;
/// How many full files are kept besides the one that is written to: `<file>.1` is the youngest.
const OLD_FILES: usize = 3;
/// What the names of log files end with.
const EXTENSION: &str = ".log";

/// The log of one component. Cheap to clone; all clones write to the same file.
#[derive(Debug, Clone)]
pub struct ComponentLog {
    file: Arc<Mutex<Rotated>>,
    clock: fn() -> Timestamp,
}

/// Which stream a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// One stream of one instance: gathers whole lines, so that those of others do not mix with them.
///
/// Writing never fails. `flush` does nothing, since guests flush in the middle of lines; what is left without an end of
/// line is written when this is dropped.
#[derive(Debug)]
pub struct LineWriter {
    log: ComponentLog,
    stream: Stream,
    line: Vec<u8>,
}

/// The file of that component's log in the directory of its application's logs; any id makes a safe name.
pub(super) fn file_of(dir: &Path, component: &str) -> PathBuf {
    dir.join(escaped(component) + EXTENSION)
}

/// The component whose log, full or not, has that file name.
fn component_of(file_name: &str) -> Option<String> {
    let (name, number) = file_name.rsplit_once(EXTENSION)?;
    (number.is_empty() || number.starts_with('.')).then(|| unescaped(name))
}

impl ComponentLog {
    /// A log in that file. Nothing is touched before the first line. Its directory is made then, the one above it has
    /// to be there: a late line must not bring a removed application's directory back.
    pub fn open(path: PathBuf) -> ComponentLog {
        ComponentLog::with_clock(path, Timestamp::now)
    }

    fn with_clock(path: PathBuf, clock: fn() -> Timestamp) -> ComponentLog {
        ComponentLog { file: Arc::new(Mutex::new(Rotated { path, open: None })), clock }
    }

    /// Where an instance writes one of its streams to.
    pub fn lines(&self, stream: Stream) -> LineWriter {
        LineWriter { log: self.clone(), stream, line: Vec::new() }
    }

    /// Writes a text of its own, one line or several. Never fails: a request is worth more than its log.
    pub fn write(&self, stream: Stream, bytes: &[u8]) {
        self.lines(stream).add(bytes);
    }

    /// Writes one line without its end.
    fn line(&self, stream: Stream, text: &[u8]) {
        let stream = match stream {
            Stream::Out => "out",
            Stream::Err => "err",
        };
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // The time is taken under the lock, so that times grow within a file.
        let line = format!("{:.3} {stream} {}\n", (self.clock)(), Escaped(&String::from_utf8_lossy(text)));
        // After a failure the next line begins anew.
        let _ = file.append(line.as_bytes());
    }
}

impl LineWriter {
    fn add(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let text = part.strip_suffix(b"\n").unwrap_or(part);
            for piece in text.chunks(LONGEST_LINE) {
                self.line.extend_from_slice(piece);
                if self.line.len() > LONGEST_LINE {
                    let rest = self.line.split_off(char_boundary(&self.line, LONGEST_LINE));
                    self.end_line();
                    self.line = rest;
                }
            }
            if text.len() < part.len() {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        let text = self.line.strip_suffix(b"\r").unwrap_or(&self.line);
        self.log.line(self.stream, text);
        self.line.clear();
    }
}

impl Write for LineWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.add(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for LineWriter {
    fn drop(&mut self) {
        if !self.line.is_empty() {
            self.end_line();
        }
    }
}

/// The last place at or before `end` where UTF-8 can be cut; any place in what is no UTF-8.
fn char_boundary(bytes: &[u8], end: usize) -> usize {
    (end - 3..=end).rev().find(|at| bytes[*at] & 0b1100_0000 != 0b1000_0000).unwrap_or(end)
}

/// A text without control characters, which could steer the terminal that a log is shown on; tabs stay.
struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.chars().try_for_each(|character| match character {
            '\t' => f.write_char('\t'),
            control if control.is_control() => write!(f, "{}", control.escape_default()),
            other => f.write_char(other),
        })
    }
}

/// A file that makes way for a new one when it is full.
#[derive(Debug)]
struct Rotated {
    path: PathBuf,
    open: Option<(File, u64)>,
}

impl Rotated {
    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let (mut file, mut size) = match self.open.take() {
            Some(open) => open,
            None => self.reopen()?,
        };
        if size > 0 && size + line.len() as u64 > LARGEST_FILE {
            self.rotate()?;
            (file, size) = self.reopen()?;
        }
        file.write_all(line)?;
        self.open = Some((file, size + line.len() as u64));
        Ok(())
    }

    fn reopen(&self) -> io::Result<(File, u64)> {
        let dir = self.path.parent().unwrap_or(Path::new("."));
        if dir.parent().is_some_and(Path::exists) {
            private_dir(dir)?;
        }
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&self.path)?;
        let size = file.metadata()?.len();
        Ok((file, size))
    }

    /// Oldest first, so that a death in between loses nothing that would have been kept.
    fn rotate(&self) -> io::Result<()> {
        for number in (0..OLD_FILES).rev() {
            match fs::rename(numbered(&self.path, number), numbered(&self.path, number + 1)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

/// `<file>.2`; 0 is the file that is written to.
fn numbered(path: &Path, number: usize) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    if number > 0 {
        path.push(format!(".{number}"));
    }
    path.into()
}

/// The last `count` lines of all components whose logs are in that directory, oldest first, each as
/// `<time> <component> <text>`. Reads from the ends of the files and holds little more than it returns; blocking. A
/// directory that is not there has no lines.
pub fn tail(dir: &Path, count: usize) -> io::Result<Vec<String>> {
    let mut sources = Vec::new();
    for component in components(dir)? {
        sources.push(Source { lines: newest_first(&file_of(dir, &component))?, component });
    }
    let mut heads = BinaryHeap::new();
    for (index, source) in sources.iter_mut().enumerate() {
        heads.extend(source.next()?.map(|(time, text)| (time, index, text)));
    }
    let mut lines = Vec::new();
    while lines.len() < count
        && let Some((time, index, text)) = heads.pop()
    {
        let source = &mut sources[index];
        lines.push(format!("{time} {} {text}", Escaped(&source.component)));
        heads.extend(source.next()?.map(|(time, text)| (time, index, text)));
    }
    lines.reverse();
    Ok(lines)
}

/// The components that have logs, by id.
fn components(dir: &Path) -> io::Result<BTreeSet<String>> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeSet::new()),
        entries => entries?,
    };
    let names = entries.map(|entry| Ok(component_of(&entry?.file_name().to_string_lossy())));
    names.filter_map(Result::transpose).collect()
}

/// The lines of one component, newest first.
struct Source {
    component: String,
    lines: Box<dyn Iterator<Item = io::Result<Vec<u8>>>>,
}

impl Source {
    /// The time and the text of the next line; passes over what is no line of a log.
    fn next(&mut self) -> io::Result<Option<(String, String)>> {
        for line in &mut self.lines {
            let line = line?;
            let line = String::from_utf8_lossy(&line);
            let mut parts = line.splitn(3, ' ');
            if let (Some(time), Some(_stream), Some(text)) = (parts.next(), parts.next(), parts.next()) {
                return Ok(Some((time.to_owned(), text.to_owned())));
            }
        }
        Ok(None)
    }
}

/// The lines of a log from its end, old files included. All files are opened now: one that is rotated away later is
/// read all the same.
fn newest_first(path: &Path) -> io::Result<Box<dyn Iterator<Item = io::Result<Vec<u8>>>>> {
    let mut files = Vec::new();
    for number in 0..=OLD_FILES {
        match File::open(numbered(path, number)) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            file => files.push(file?),
        }
    }
    Ok(Box::new(files.into_iter().flat_map(RawRevLines::new)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const TIME: &str = "1970-01-01T00:00:00.000Z";

    /// A directory for the logs of an application that is there.
    fn logs() -> (tempfile::TempDir, PathBuf) {
        let app = tempfile::tempdir().unwrap();
        let dir = app.path().join("logs");
        (app, dir)
    }

    fn open(dir: &Path, component: &str) -> ComponentLog {
        ComponentLog::with_clock(file_of(dir, component), || Timestamp::UNIX_EPOCH)
    }

    fn read(dir: &Path, component: &str) -> String {
        fs::read_to_string(file_of(dir, component)).unwrap()
    }

    #[test]
    fn lines_have_time_stream_and_text() {
        let (_app, dir) = logs();
        let clock = || "2026-11-24T07:08:09.123456789Z".parse().unwrap();
        let log = ComponentLog::with_clock(file_of(&dir, "hello"), clock);
        log.write(Stream::Out, b"one\ntwo\r\n");
        log.write(Stream::Err, "h\u{e4}\n\nunfinished".as_bytes());
        let time = "2026-11-24T07:08:09.123Z";
        let lines =
            ["out one", "out two", "err h\u{e4}", "err ", "err unfinished"].map(|line| format!("{time} {line}\n"));
        assert_eq!(read(&dir, "hello"), lines.concat());
    }

    #[test]
    fn nothing_is_made_before_the_first_line_and_then_for_the_user_alone() {
        let (_app, dir) = logs();
        let log = open(&dir, "hello");
        log.write(Stream::Out, b"");
        assert!(!dir.exists());
        log.write(Stream::Out, b"x");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&dir), mode(&file_of(&dir, "hello"))), (0o700, 0o600));
    }

    #[test]
    fn a_late_line_does_not_bring_a_removed_application_back() {
        let (app, dir) = logs();
        let log = open(&dir, "hello");
        fs::remove_dir(app.path()).unwrap();
        log.write(Stream::Out, b"late");
        assert!(!app.path().exists());
        // Once the place is there, so are the lines.
        fs::create_dir(app.path()).unwrap();
        log.write(Stream::Out, b"later");
        assert_eq!(read(&dir, "hello"), format!("{TIME} out later\n"));
    }

    #[test]
    fn control_characters_are_escaped_and_bytes_that_are_no_text_replaced() {
        let (_app, dir) = logs();
        open(&dir, "hello").write(Stream::Out, b"\x1b[31mred\ttab\rback\0\xc2\x9b\xff");
        assert_eq!(read(&dir, "hello"), format!("{TIME} out \\u{{1b}}[31mred\ttab\\rback\\u{{0}}\\u{{9b}}\u{fffd}\n"));
    }

    #[test]
    fn pieces_become_lines_when_they_end_and_flushing_does_not_end_them() {
        let (_app, dir) = logs();
        let log = open(&dir, "hello");
        let (mut one, mut other) = (log.lines(Stream::Out), log.lines(Stream::Err));
        for piece in ["a", "b", "c\n", "rest"] {
            one.write_all(piece.as_bytes()).unwrap();
            one.flush().unwrap();
            other.write_all(piece.to_uppercase().as_bytes()).unwrap();
        }
        assert_eq!(read(&dir, "hello"), format!("{TIME} out abc\n{TIME} err ABC\n"));
        drop(one);
        assert!(read(&dir, "hello").ends_with("out rest\n"));
    }

    #[test]
    fn long_lines_are_cut_between_characters() {
        let (_app, dir) = logs();
        let log = open(&dir, "hello");
        let lengths = |bytes: &[u8]| {
            let _ = fs::remove_dir_all(&dir);
            let log = open(&dir, "hello");
            log.write(Stream::Out, bytes);
            let text = read(&dir, "hello");
            assert!(!text.contains('\u{fffd}'));
            text.lines().map(|line| line.len() - TIME.len() - " out ".len()).collect::<Vec<_>>()
        };
        assert_eq!(lengths(&[&[b'x'; LONGEST_LINE][..], b"\ny\n"].concat()), [LONGEST_LINE, 1]);
        assert_eq!(lengths(&[b'x'; 3 * LONGEST_LINE + 5]), [LONGEST_LINE, LONGEST_LINE, LONGEST_LINE, 5]);
        let euros = "\u{20ac}".repeat(LONGEST_LINE / 3 + 2);
        assert_eq!(lengths(euros.as_bytes()), [LONGEST_LINE - 1, 6]);

        // However it comes in.
        let mut lines = log.lines(Stream::Out);
        let _ = fs::remove_dir_all(&dir);
        euros.bytes().for_each(|byte| lines.write_all(&[byte]).unwrap());
        lines.write_all(b"\n").unwrap();
        assert_eq!(read(&dir, "hello").lines().map(|line| line.len()).max(), Some(LONGEST_LINE - 1 + TIME.len() + 5));
    }

    #[test]
    fn lines_of_concurrent_requests_do_not_mix() {
        let (_app, dir) = logs();
        let log = open(&dir, "hello");
        std::thread::scope(|scope| {
            for letter in b'a'..b'i' {
                let log = log.clone();
                scope.spawn(move || {
                    let mut lines = log.lines(Stream::Out);
                    for _ in 0..50 {
                        (0..40).for_each(|_| lines.write_all(&[letter]).unwrap());
                        lines.write_all(b"\n").unwrap();
                    }
                });
            }
        });
        let text = read(&dir, "hello");
        assert_eq!(text.lines().count(), 8 * 50);
        for line in text.lines() {
            let written = line.strip_prefix(&format!("{TIME} out ")).unwrap().as_bytes();
            assert_eq!(written, [written[0]; 40]);
        }
    }

    #[test]
    fn full_files_are_rotated_and_the_oldest_vanishes() {
        let (_app, dir) = logs();
        let log = open(&dir, "hello");
        let file = |number| numbered(&file_of(&dir, "hello"), number);
        for round in 0..6 {
            log.write(Stream::Out, format!("round {round}").as_bytes());
            // Fills the file without writing it: the next line does not fit any more.
            File::options().write(true).open(file(0)).unwrap().set_len(LARGEST_FILE).unwrap();
            // A new server finds a file of that size.
            log.file.lock().unwrap().open = None;
        }
        log.write(Stream::Out, b"round 6");
        let first_line =
            |number| String::from_utf8_lossy(&fs::read(file(number)).unwrap()[..TIME.len() + 12]).into_owned();
        for number in 0..=OLD_FILES {
            assert_eq!(first_line(number), format!("{TIME} out round {}", 6 - number));
        }
        assert!(!file(OLD_FILES + 1).exists());
        assert_eq!(read(&dir, "hello").len(), TIME.len() + " out round 6\n".len());
    }

    #[test]
    fn a_tail_merges_all_components_by_time_and_reads_old_files() {
        let (_app, dir) = logs();
        fs::create_dir(&dir).unwrap();
        let write = |component: &str, number, seconds: &[u32]| {
            let lines: String = seconds.iter().map(|s| format!("2026-11-24T00:00:{s:02}.000Z out at {s}\n")).collect();
            fs::write(numbered(&file_of(&dir, component), number), lines).unwrap();
        };
        write("web", 2, &[1, 2]);
        write("web", 1, &[5, 6]);
        write("web", 0, &[9]);
        write("a.log.1/../b c", 0, &[3, 7]);
        // A death between two steps of a rotation.
        write("api", 1, &[4, 8]);
        fs::write(dir.join("notes.txt"), "2026-11-24T00:00:09.000Z out no log\n").unwrap();
        fs::write(dir.join("odd.log"), "\nno-line\n\u{0}\n").unwrap();

        let line = |second: u32, component: &str| format!("2026-11-24T00:00:{second:02}.000Z {component} at {second}");
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
            assert_eq!(tail(&dir, count).unwrap(), all[9_usize.saturating_sub(count)..], "{count}");
        }
    }

    #[test]
    fn a_tail_of_equal_times_keeps_the_order_of_a_component() {
        let (_app, dir) = logs();
        let log = open(&dir, "hello");
        log.write(Stream::Out, b"one two\n\n three");
        open(&dir, "other").write(Stream::Err, b"four");
        let lines = ["hello one two", "hello ", "hello  three", "other four"].map(|line| format!("{TIME} {line}"));
        assert_eq!(tail(&dir, 9).unwrap(), lines);
        assert_eq!(tail(&dir, 2).unwrap(), lines[2..]);
    }

    #[test]
    fn where_nothing_was_logged_there_are_no_lines() {
        let (_app, dir) = logs();
        assert_eq!(tail(&dir, 5).unwrap(), [""; 0]);
    }
}
