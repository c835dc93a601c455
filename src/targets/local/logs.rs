//! What components write to standard output and error: a file for each component, rotated.
//!
//! A line is `<time> <out|err> <text>`. The crate `file-rotate` panics where its directory cannot be made or a file
//! was moved, and drops lines in silence where a file cannot be opened, hence the few lines here.

mod read;

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use super::paths::{escaped, private_dir, unescaped};
pub use read::{Bookmarks, Line, components, last, next};

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
}
