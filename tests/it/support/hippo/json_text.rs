//! Reads JSON and remembers where everything ended, because Newtonsoft's error messages say so.

/// A position as Newtonsoft counts: lines from 1, and how many characters of the line have been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

/// A value and where it ended.
#[derive(Clone, Debug)]
pub struct Located {
    pub json: Json,
    /// After its first character.
    pub start: Position,
    /// After its last character.
    pub end: Position,
}

/// A JSON value.
#[derive(Clone, Debug)]
pub enum Json {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Located>),
    Object(Vec<Member>),
}

/// A member of an object; `colon` is the position after its colon.
#[derive(Clone, Debug)]
pub struct Member {
    pub name: String,
    pub colon: Position,
    pub value: Located,
}

/// A text that is no JSON: Newtonsoft's message without its path and position.
#[derive(Debug)]
pub struct Malformed {
    pub message: String,
    pub at: Position,
}

/// Reads one value; what follows it is not looked at.
pub fn read(text: &str) -> Result<Located, Malformed> {
    Reader { rest: text.chars().collect::<Vec<_>>().into_iter().peekable(), at: Position { line: 1, column: 0 } }
        .value()
}

struct Reader {
    rest: std::iter::Peekable<std::vec::IntoIter<char>>,
    at: Position,
}

impl Reader {
    fn next(&mut self) -> Option<char> {
        let char = self.rest.next()?;
        self.at = match char {
            '\n' => Position { line: self.at.line + 1, column: 0 },
            _ => Position { column: self.at.column + 1, ..self.at },
        };
        Some(char)
    }

    fn next_if(&mut self, wanted: impl Fn(char) -> bool) -> Option<char> {
        let fits = self.rest.peek().is_some_and(|char| wanted(*char));
        if fits { self.next() } else { None }
    }

    fn skip_space(&mut self) {
        while self.next_if(char::is_whitespace).is_some() {}
    }

    fn fail<T>(&self, message: impl Into<String>) -> Result<T, Malformed> {
        Err(Malformed { message: message.into(), at: self.at })
    }

    fn value(&mut self) -> Result<Located, Malformed> {
        self.skip_space();
        let Some(first) = self.rest.peek().copied() else { return self.fail("Unexpected end when reading JSON.") };
        let start = Position { column: self.at.column + 1, ..self.at };
        let json = match first {
            '{' => self.object()?,
            '[' => self.list()?,
            '"' | '\'' => Json::Text(self.quoted()?),
            _ => self.literal()?,
        };
        Ok(Located { json, start, end: self.at })
    }

    fn object(&mut self) -> Result<Json, Malformed> {
        self.next();
        let mut members = Vec::new();
        loop {
            self.skip_space();
            if self.next_if(|char| char == '}').is_some() {
                return Ok(Json::Object(members));
            }
            let name = self.member_name()?;
            self.skip_space();
            match self.rest.peek().copied() {
                Some(':') => self.next(),
                Some(other) => {
                    let message = "Invalid character after parsing property name. Expected ':' but got: ";
                    return self.fail(format!("{message}{other}."));
                }
                None => return self.fail("Unexpected end when reading JSON."),
            };
            let colon = self.at;
            members.push(Member { name, colon, value: self.value()? });
            self.separator('}')?;
        }
    }

    fn member_name(&mut self) -> Result<String, Malformed> {
        match self.rest.peek().copied() {
            Some('"' | '\'') => self.quoted(),
            Some(char) if is_name_char(char) => Ok(self.run(is_name_char)),
            Some(other) => self.fail(format!("Invalid property identifier character: {other}.")),
            None => self.fail("Unexpected end when reading JSON."),
        }
    }

    fn list(&mut self) -> Result<Json, Malformed> {
        self.next();
        let mut items = Vec::new();
        loop {
            self.skip_space();
            if self.next_if(|char| char == ']').is_some() {
                return Ok(Json::List(items));
            }
            items.push(self.value()?);
            self.separator(']')?;
        }
    }

    /// A comma, or a closing bracket that is left for the caller.
    fn separator(&mut self, close: char) -> Result<(), Malformed> {
        self.skip_space();
        match self.rest.peek().copied() {
            Some(char) if char == close => Ok(()),
            Some(',') => {
                self.next();
                Ok(())
            }
            Some(other) => {
                self.fail(format!("After parsing a value an unexpected character was encountered: {other}."))
            }
            None => self.fail("Unexpected end when reading JSON."),
        }
    }

    fn quoted(&mut self) -> Result<String, Malformed> {
        let quote = self.next();
        let mut text = String::new();
        loop {
            match self.next() {
                char if char == quote => return Ok(text),
                Some('\\') => text.push(self.escape()?),
                Some(char) => text.push(char),
                None => return self.fail("Unterminated string. Expected delimiter: \"."),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Malformed> {
        match self.next() {
            Some('n') => Ok('\n'),
            Some('t') => Ok('\t'),
            Some('r') => Ok('\r'),
            Some('b') => Ok('\u{8}'),
            Some('f') => Ok('\u{c}'),
            Some('u') => self.code_unit(),
            Some(char @ ('"' | '\'' | '\\' | '/')) => Ok(char),
            other => self.fail(format!("Bad JSON escape sequence: \\{}.", other.unwrap_or(' '))),
        }
    }

    fn code_unit(&mut self) -> Result<char, Malformed> {
        let digits: String = (0..4).filter_map(|_| self.next_if(|char| char.is_ascii_hexdigit())).collect();
        match u32::from_str_radix(&digits, 16) {
            Ok(code) => Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)),
            Err(_) => self.fail("Invalid Unicode escape sequence."),
        }
    }

    fn literal(&mut self) -> Result<Json, Malformed> {
        match self.run(|char| is_name_char(char) || "+-.".contains(char)).as_str() {
            "null" => Ok(Json::Null),
            "true" => Ok(Json::Bool(true)),
            "false" => Ok(Json::Bool(false)),
            number if number.parse::<f64>().is_ok() => Ok(Json::Number(number.to_owned())),
            other => {
                let char = other.chars().next().or_else(|| self.rest.peek().copied()).unwrap_or(' ');
                self.fail(format!("Unexpected character encountered while parsing value: {char}."))
            }
        }
    }

    fn run(&mut self, wanted: impl Fn(char) -> bool) -> String {
        std::iter::from_fn(|| self.next_if(&wanted)).collect()
    }
}

fn is_name_char(char: char) -> bool {
    char.is_alphanumeric() || char == '_' || char == '$'
}
