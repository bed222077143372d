//! A machine to type commands on: a directory with files, an engine in memory, captured output.

use std::cell::RefCell;
use std::io::Cursor;
use std::path::Path;
use std::sync::{Arc, Mutex};

use compose::cli::{Environment, Output, Surroundings, candidates, run};
use compose::engine::fake::Fake;

/// A directory and an engine. Commands that are run one after the other find what those before
/// have left.
pub struct Machine {
    pub engine: Fake,
    directory: tempfile::TempDir,
    variables: Vec<(String, String)>,
    input: String,
}

thread_local! {
    static COMPLETING: RefCell<Fake> = RefCell::default();
}

/// What a command has printed, and its exit code.
#[derive(Debug, PartialEq, Eq)]
pub struct Ran {
    pub code: u8,
    pub out: String,
    pub err: String,
}

impl Machine {
    /// A machine with this compose file in the current directory, whose project is `demo`.
    pub fn with(compose_file: &str) -> Machine {
        let machine = Machine::empty();
        machine.write("compose.yaml", &format!("name: demo\n{compose_file}"));
        machine
    }

    /// A machine with nothing in the current directory.
    pub fn empty() -> Machine {
        let directory = tempfile::tempdir().unwrap();
        let state = directory.path().join(".state").display().to_string();
        let variables = vec![
            ("COMPOSE_DATA_ROOT".to_owned(), format!("{state}/data")),
            ("COMPOSE_RUN_ROOT".to_owned(), format!("{state}/run")),
        ];
        Machine { engine: Fake::default(), directory, variables, input: String::new() }
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.directory.path().join(name), text).unwrap();
    }

    /// A path below the current directory.
    pub fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.directory.path().join(name)).unwrap()
    }

    /// Sets a variable.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// `PATH` with a directory in front where the program is called `compose`.
    pub fn path_with_program(&self) -> String {
        let program = Path::new(env!("CARGO_BIN_EXE_compose"));
        let before = program.parent().unwrap().display();
        format!("{before}:{}", std::env::var("PATH").unwrap_or_default())
    }

    /// Words that a shell would offer at the end of this line.
    pub fn complete(&self, line: &str) -> Vec<String> {
        let words: Vec<&str> = line.split(' ').collect();
        let (output, _) = Output::captured();
        let surroundings = self.surroundings(output);
        // What completes must be able to move to another thread, which the engine cannot.
        COMPLETING.with_borrow_mut(|engine| engine.clone_from(&self.engine));
        let open = |_| Ok(COMPLETING.with_borrow(Fake::clone));
        candidates(&words, words.len() - 1, &surroundings, open)
    }

    /// What is typed when a command asks.
    pub fn answer(&mut self, text: &str) {
        text.clone_into(&mut self.input);
    }

    /// Types a command. Words are separated by blanks; there are no quotes.
    pub fn run(&self, line: &str) -> Ran {
        self.run_words(&line.split_whitespace().collect::<Vec<_>>())
    }

    /// Types a command, word by word.
    pub fn run_words(&self, words: &[&str]) -> Ran {
        self.typed(&[&["compose"], words].concat())
    }

    /// Types a command, the program's name included.
    pub fn typed(&self, words: &[&str]) -> Ran {
        let (output, captured) = Output::captured();
        let surroundings = self.surroundings(output);
        let engine = self.engine.clone();
        let code = run(words.iter().copied(), surroundings, move |_| Ok(engine.clone()));
        let home = self.directory.path().canonicalize().unwrap().display().to_string();
        let tidy = |text: String| text.replace(&home, "/home/u/demo");
        Ran { code, out: tidy(captured.stdout()), err: tidy(captured.stderr()) }
    }

    fn surroundings(&self, output: Output) -> Surroundings {
        Surroundings {
            output,
            input: Arc::new(Mutex::new(Cursor::new(self.input.clone().into_bytes()))),
            input_is_terminal: false,
            environment: self.variables.iter().cloned().collect::<Environment>(),
            directory: self.directory.path().canonicalize().unwrap(),
        }
    }

    /// Types a command that must succeed; what it printed on standard output.
    pub fn out(&self, line: &str) -> String {
        let ran = self.run(line);
        assert_eq!(ran.code, 0, "{line}: {ran:?}");
        ran.out
    }

    /// Types a command that must succeed; what it printed on standard error.
    pub fn err(&self, line: &str) -> String {
        let ran = self.run(line);
        assert_eq!(ran.code, 0, "{line}: {ran:?}");
        ran.err
    }

    /// Types a command that must fail with code 1; what it printed on standard error.
    pub fn fails(&self, line: &str) -> String {
        let ran = self.run(line);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{line}: {ran:?}");
        ran.err
    }

    /// Names of containers, and their states.
    pub fn states(&self) -> Vec<String> {
        let snapshot = self.engine.snapshot();
        let state = |it: &compose::resource::Container| {
            format!("{} {}", it.spec.name, it.status.state.as_str())
        };
        let mut states: Vec<String> = snapshot.containers.iter().map(state).collect();
        states.sort();
        states
    }
}
