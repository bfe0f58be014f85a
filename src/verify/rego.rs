//! Rego, which can only deny: the one place that knows `regorus`.
//!
//! A file is asked as `cosign verify-attestation --policy` asks it (cosign, `pkg/cosign/rego`): the query
//! is `data.signature.allow`, the input is the in-toto statement, the language is Rego v0 with `import
//! rego.v1` for the newer one, and only `true` is a yes. `data.signature.deny`, which cosign does not look
//! at, must be empty where there is one; its members are the reasons that are shown.
//!
//! # Security
//!
//! The statement is others' words, so evaluation has an end: a limit on its time, a deadline for what does
//! not look at that limit, and where the program asks for it a process of its own, whose memory and stack
//! may run out without taking the verdict with them. An error of any kind is a no.

use std::io::{Read as _, Write as _};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use regorus::utils::limits::ExecutionTimerConfig;
use regorus::{Engine, Value};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};

/// How long one file may take for one statement.
pub const MOST_TIME: Duration = Duration::from_secs(1);

/// How long is waited for what does not look at the clock, such as one huge comparison.
const DEADLINE: Duration = Duration::from_secs(3);

/// How often the clock is looked at, in steps of evaluation.
const STEPS: NonZeroU32 = NonZeroU32::new(64).expect("not 0");

/// What a process that evaluates may allocate, and how many seconds of a CPU it may use.
const MOST_MEMORY: u64 = 512 << 20;
const MOST_CPU_SECONDS: u64 = 3;

/// The stack of an evaluation: Rego recurses with what it is given.
const STACK: usize = 16 << 20;

/// The most bytes that a process of its own is given, and that it may answer.
const MOST_REQUEST: u64 = 64 << 20;
const MOST_ANSWER: u64 = 1 << 20;

const ALLOW: &str = "data.signature.allow";
const DENY: &str = "data.signature.deny";

/// Why a file denies, or cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum RegoError {
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    #[error("it has no package `signature`, so `{ALLOW}` is nothing")]
    OtherPackage,
    #[error("evaluating it failed: {0}")]
    Failed(String),
    #[error("it did not end within {} s", MOST_TIME.as_secs())]
    TimedOut,
    #[error("{}", .0.join("; "))]
    Denied(Vec<String>),
    #[error("`{ALLOW}` is {0}, not true")]
    NotAllowed(String),
}

/// Where Rego is evaluated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Evaluator {
    /// In a thread of this process: its time is bounded, its memory and its recursion are not.
    #[default]
    Here,
    /// In a process of its own: the program that answers [`answer`] when it is called with `rego`.
    Apart(PathBuf),
}

/// What is asked: a file about a statement, in JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Question {
    pub name: String,
    pub text: String,
    pub statement: String,
}

/// Reads a file without asking it anything.
pub fn readable(name: &str, text: &str) -> Result<(), RegoError> {
    engine(name, text).map(drop)
}

impl Evaluator {
    /// Asks; nothing is said if the file does not deny.
    pub fn ask(&self, question: Question) -> Result<(), RegoError> {
        match self {
            Self::Here => here(question),
            Self::Apart(program) => apart(program, &question),
        }
    }
}

fn here(question: Question) -> Result<(), RegoError> {
    let (to, from) = mpsc::channel();
    // A thread that does not end is left behind; it ends with the process.
    let started = thread::Builder::new().stack_size(STACK).spawn(move || {
        // Whoever no longer waits wants no answer.
        let _ = to.send(evaluate(&question));
    });
    started.map_err(|error| RegoError::Failed(error.to_string()))?;
    match from.recv_timeout(DEADLINE) {
        Ok(result) => result,
        Err(mpsc::RecvTimeoutError::Timeout) => Err(RegoError::TimedOut),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            Err(RegoError::Failed("the evaluation broke off".to_owned()))
        }
    }
}

fn apart(program: &std::path::Path, question: &Question) -> Result<(), RegoError> {
    let failed = |what: &str, error: std::io::Error| RegoError::Failed(format!("{what}: {error}"));
    let question = serde_json::to_vec(question).expect("plain values serialise");
    let mut child = Command::new(program)
        .arg("rego")
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed("cannot start its process", error))?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let (to, from) = mpsc::channel();
    thread::spawn(move || {
        let talk = || -> std::io::Result<Vec<u8>> {
            let mut answer = Vec::new();
            if let (Some(mut stdin), Some(stdout)) = (stdin, stdout) {
                stdin.write_all(&question)?;
                drop(stdin);
                stdout.take(MOST_ANSWER).read_to_end(&mut answer)?;
            }
            Ok(answer)
        };
        let _ = to.send(talk());
    });
    let heard = from.recv_timeout(DEADLINE);
    // It has answered, or is not waited for any longer.
    let killed = child.kill();
    let status = child.wait();
    match (heard, killed.and(status)) {
        (Err(_), _) => Err(RegoError::TimedOut),
        (Ok(Err(error)), _) | (Ok(Ok(_)), Err(error)) => {
            Err(failed("its process does not answer", error))
        }
        (Ok(Ok(answer)), Ok(status)) => serde_json::from_slice(&answer).unwrap_or_else(|_| {
            Err(RegoError::Failed(format!(
                "its process broke off ({status})"
            )))
        }),
    }
}

/// Answers the question on standard input, within limits on memory and time: what the program does when
/// it is called with `rego`.
pub fn answer(from: impl std::io::Read, mut to: impl std::io::Write) -> std::io::Result<()> {
    limit(Resource::Data, MOST_MEMORY)?;
    limit(Resource::Cpu, MOST_CPU_SECONDS)?;
    limit(Resource::Core, 0)?;
    let mut bytes = Vec::new();
    from.take(MOST_REQUEST).read_to_end(&mut bytes)?;
    let question: Question = serde_json::from_slice(&bytes)?;
    serde_json::to_writer(&mut to, &here(question))?;
    to.flush()
}

/// Lowers a limit of this process.
fn limit(resource: Resource, most: u64) -> std::io::Result<()> {
    let now = getrlimit(resource);
    let most = now.maximum.map_or(most, |maximum| maximum.min(most));
    let limit = Rlimit {
        current: Some(now.current.map_or(most, |current| current.min(most))),
        maximum: Some(most),
    };
    Ok(setrlimit(resource, limit)?)
}

fn engine(name: &str, text: &str) -> Result<Engine, RegoError> {
    let mut engine = Engine::new();
    engine.set_rego_v0(true);
    engine.set_strict_builtin_errors(true);
    engine.set_execution_timer_config(ExecutionTimerConfig {
        limit: MOST_TIME,
        check_interval: STEPS,
    });
    let package = engine
        .add_policy(name.to_owned(), text.to_owned())
        .map_err(|error| RegoError::Unreadable(error.to_string()))?;
    if package != "data.signature" {
        return Err(RegoError::OtherPackage);
    }
    Ok(engine)
}

fn evaluate(question: &Question) -> Result<(), RegoError> {
    let Question {
        name,
        text,
        statement,
    } = question;
    let failed = |error: &dyn std::fmt::Display| {
        let text = error.to_string();
        // The library has the limit in its error's text alone, once it has been wrapped.
        if text.contains("exceeded time limit") {
            RegoError::TimedOut
        } else {
            RegoError::Failed(text)
        }
    };
    let mut engine = engine(name, text)?;
    engine
        .set_input_json(statement)
        .map_err(|error| failed(&error))?;
    if let Some(denied) = query(&mut engine, DENY).map_err(|error| failed(&error))? {
        let reasons = reasons(&denied);
        if !reasons.is_empty() {
            return Err(RegoError::Denied(reasons));
        }
    }
    match query(&mut engine, ALLOW).map_err(|error| failed(&error))? {
        Some(Value::Bool(true)) => Ok(()),
        Some(other) => Err(RegoError::NotAllowed(shown(&other))),
        None => Err(RegoError::NotAllowed("undefined".to_owned())),
    }
}

/// Returns the value of a rule; `None` if it is undefined.
fn query(engine: &mut Engine, path: &str) -> Result<Option<Value>, String> {
    let results = engine
        .eval_query(path.to_owned(), false)
        .map_err(|error| error.to_string())?;
    let mut values = results.result.into_iter().flat_map(|r| r.expressions);
    let value = values.next().map(|expression| expression.value);
    Ok(value.filter(|value| *value != Value::Undefined))
}

/// Returns the members of a set or a list of reasons; anything else that is not `false` is one reason.
fn reasons(denied: &Value) -> Vec<String> {
    match denied {
        Value::Set(members) => members.iter().map(shown).collect(),
        Value::Array(members) => members.iter().map(shown).collect(),
        Value::Bool(false) => Vec::new(),
        other => vec![shown(other)],
    }
}

fn shown(value: &Value) -> String {
    const MOST: usize = 300;
    let text = match value {
        Value::String(text) => text.to_string(),
        other => other.to_string(),
    };
    let line = text.replace(char::is_control, " ");
    line.chars().take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATEMENT: &str =
        r#"{"_type":"https://in-toto.io/Statement/v1","predicateType":"p","subject":[]}"#;

    fn asked(rules: &str) -> Result<(), RegoError> {
        ask(&format!("package signature\n{rules}"))
    }

    fn ask(text: &str) -> Result<(), RegoError> {
        Evaluator::Here.ask(Question {
            name: "x.rego".to_owned(),
            text: text.to_owned(),
            statement: STATEMENT.to_owned(),
        })
    }

    #[test]
    fn only_a_true_allow_without_a_reason_to_deny_lets_pass() {
        assert_eq!(
            asked("default allow = false\nallow { input.predicateType == \"p\" }"),
            Ok(())
        );
        assert_eq!(
            asked(
                "import rego.v1\ndefault allow := false\nallow if { count(deny) == 0 }\n\
                   deny contains msg if { input.predicateType != \"p\"; msg := \"no\" }"
            ),
            Ok(())
        );
        for (rules, part) in [
            ("default allow = false", "is false"),
            ("allow { input.predicateType == \"q\" }", "is undefined"),
            ("deny[msg] { msg := \"x\" }", "x"),
            (
                "default allow = true\ndeny[msg] { msg := \"never\" }",
                "never",
            ),
            ("allow = \"true\"", "is true, not true"),
            ("allow[msg] { msg := \"true\" }", "not true"),
            ("allow { input.a.b.c == 1 }", "is undefined"),
            ("default deny = false", "is undefined"),
        ] {
            let error = asked(rules).expect_err(rules);
            assert!(error.to_string().contains(part), "{rules}: {error}");
        }
    }

    #[test]
    fn other_packages_and_broken_texts_are_refused() {
        assert_eq!(
            readable("x.rego", "package other\ndefault allow = true"),
            Err(RegoError::OtherPackage)
        );
        for text in [
            "",
            "package signature\nallow {",
            "\0",
            "package signature\nallow { http.send({}) }",
        ] {
            let refused = readable("x.rego", text).and_then(|()| ask(text));
            assert!(refused.is_err(), "{text}");
        }
    }

    #[test]
    fn rego_that_loops_is_stopped_and_denies() {
        let rules = "allow { count([1 | a := numbers.range(1, 3000)[_]; b := numbers.range(1, 3000)[_]; \
                     c := numbers.range(1, 3000)[_]; a + b + c < 0]) == 0 }";
        assert_eq!(asked(rules), Err(RegoError::TimedOut));
    }

    #[test]
    fn an_error_of_a_builtin_is_a_no() {
        assert!(matches!(
            asked("allow { to_number(\"x\") == 1 }"),
            Err(RegoError::Failed(_) | RegoError::NotAllowed(_))
        ));
        assert!(asked("allow { not to_number(\"x\") }").is_err());
    }

    #[test]
    fn a_program_that_does_not_answer_is_a_no() {
        for (program, part) in [
            ("/bin/false", "broke off"),
            ("/no/such", "cannot start"),
            ("/bin/cat", "broke off"),
        ] {
            let question = Question {
                name: "x.rego".to_owned(),
                text: "package signature\ndefault allow = true".to_owned(),
                statement: STATEMENT.to_owned(),
            };
            let error = Evaluator::Apart(program.into())
                .ask(question)
                .expect_err(program);
            let text = error.to_string();
            assert!(
                text.contains(part) || text.contains("does not answer"),
                "{program}: {text}"
            );
        }
    }
}
