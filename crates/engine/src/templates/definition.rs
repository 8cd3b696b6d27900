//! Reads a definition. Nothing of its text is repeated but field names and short values that can be no secret.

use std::path::Path;

use sandbar_protocol::{Fields, ValidationError, bare_kind, closest, env_vars_from_json};
use serde_json::Value;
use toml::de::{DeTable, DeValue};

use super::{Rootfs, Template, TemplateError};

const FIELDS: [&str; 9] = [
    "description",
    "rootfs",
    "start_command",
    "ready_command",
    "workdir",
    "cpu_count",
    "memory_mb",
    "disk_size_mb",
    "env",
];
/// Other names that people try.
const ALIASES: [(&str, &str); 6] = [
    ("envVars", "env"),
    ("env_vars", "env"),
    ("environment", "env"),
    ("root", "rootfs"),
    ("image", "rootfs"),
    ("cwd", "workdir"),
];

const MAX_CPUS: u64 = 256;
const MIN_MEMORY_MB: u64 = 32;
const MIN_DISK_MB: u64 = 1;
/// 1 TiB.
const MAX_MB: u64 = 1024 * 1024;

/// The longest text that Linux passes on to a shell.
const MAX_COMMAND_BYTES: usize = 128 * 1024 - 1;
const MAX_WORKDIR_BYTES: usize = 4095;
const MAX_DESCRIPTION_BYTES: usize = 64 * 1024;
/// Of the file: more than its fields may have, so that the field that is too long can be named.
pub(super) const MAX_BYTES: u64 = 32 * 1024 * 1024;

/// Reads a definition; a relative root file system starts in `folder`.
pub(super) fn read(name: &str, text: &str, folder: &Path) -> Result<Template, TemplateError> {
    let broken = |why: String| TemplateError::Broken { name: name.to_owned(), why };
    let no_toml = |error: toml::de::Error| {
        let line = error.span().map(|span| in_line(text, span.start)).unwrap_or_default();
        broken(format!("it is no TOML{line}: {}", error.message()))
    };
    // The first keeps where each field stands, the second is what all checks of the contract read.
    let places = DeTable::parse(text).map_err(no_toml)?;
    let value: Value = toml::from_str(text).map_err(no_toml)?;
    let template = template(&value).map_err(|error| {
        let line = place(places.get_ref(), &error.field).map(|start| in_line(text, start)).unwrap_or_default();
        broken(format!("{}{line}", error.message))
    })?;
    let rootfs = Rootfs::find(value.get("rootfs").and_then(Value::as_str), folder);
    let rootfs = rootfs.map_err(|why| TemplateError::Rootfs { name: name.to_owned(), why })?;
    Ok(Template { rootfs, ..template })
}

/// All but its root file system.
fn template(value: &Value) -> Result<Template, ValidationError> {
    if let Some(unknown) = value.as_object().into_iter().flatten().map(|(name, _)| name).find(|name| !is_known(name)) {
        return Err(unknown_field(unknown));
    }
    let fields = Fields::of("a template", value, &FIELDS)?;
    fields.text("rootfs")?;
    let default = Template::default();
    let line = |name, most| text(&fields, name, most);
    Ok(Template {
        description: line("description", MAX_DESCRIPTION_BYTES)?,
        start_command: line("start_command", MAX_COMMAND_BYTES)?,
        ready_command: line("ready_command", MAX_COMMAND_BYTES)?,
        env_vars: match fields.get("env") {
            Some(env) => env_vars_from_json("env", strings_only(env)?)?,
            None => default.env_vars,
        },
        workdir: line("workdir", MAX_WORKDIR_BYTES)?.map(workdir).transpose()?.unwrap_or(default.workdir),
        cpu_count: fields
            .integer("cpu_count", 1, MAX_CPUS, "CPUs")?
            .and_then(|count| count.try_into().ok())
            .unwrap_or(default.cpu_count),
        memory_mb: fields.integer("memory_mb", MIN_MEMORY_MB, MAX_MB, "MiB")?.unwrap_or(default.memory_mb),
        disk_size_mb: fields.integer("disk_size_mb", MIN_DISK_MB, MAX_MB, "MiB")?.unwrap_or(default.disk_size_mb),
        rootfs: Rootfs::Host,
    })
}

fn is_known(name: &str) -> bool {
    FIELDS.contains(&name)
}

fn unknown_field(name: &str) -> ValidationError {
    let alias = ALIASES.iter().find(|(alias, _)| *alias == name).map(|(_, field)| *field);
    let way_out = match alias.or_else(|| closest(name, &FIELDS)) {
        Some(field) => format!("did you mean `{field}`?"),
        None => format!("known are {}", FIELDS.join(", ")),
    };
    ValidationError::new(name, format!("`{}` is not a field of a template: {way_out}", name.escape_debug()))
}

/// Neither a command nor a folder can be passed on with a NUL in it.
fn text(fields: &Fields<'_>, name: &str, most: usize) -> Result<Option<String>, ValidationError> {
    let text = fields.text(name)?.map(str::to_owned);
    if let Some(length) = text.as_ref().map(String::len).filter(|length| *length > most) {
        let way_out = "put a long command into a script in its root file system";
        let message = format!("`{name}` must have at most {most} bytes, got {length}: {way_out}");
        return Err(ValidationError::new(name, message));
    }
    if text.as_ref().is_some_and(|text| text.contains('\0')) {
        return Err(ValidationError::new(name, format!("`{name}` holds a NUL character: remove it")));
    }
    Ok(text)
}

fn strings_only(env: &Value) -> Result<&Value, ValidationError> {
    match env.as_object().into_iter().flatten().find(|(_, value)| !value.is_string()) {
        Some((name, value)) => {
            let message = format!("`env.{name}` must be a string, got {}: put it into quotes", bare_kind(value));
            Err(ValidationError::new(format!("env.{name}"), message))
        }
        None => Ok(env),
    }
}

fn workdir(text: String) -> Result<String, ValidationError> {
    if text.starts_with('/') && !text.split('/').any(|part| part == "..") {
        return Ok(text);
    }
    let message = format!("`workdir` must be an absolute path without `..`, got {text:?}: write it as /root/workspace");
    Err(ValidationError::new("workdir", message))
}

/// Where a field, as `env.NAME`, begins in the text.
fn place(table: &DeTable<'_>, field: &str) -> Option<usize> {
    let (name, inner) = field.split_once('.').map_or((field, None), |(name, inner)| (name, Some(inner)));
    let (key, value) = table.iter().find(|(key, _)| key.get_ref() == name)?;
    let within = match (inner, value.get_ref()) {
        (Some(inner), DeValue::Table(table)) => place(table, inner),
        _ => None,
    };
    Some(within.unwrap_or(key.span().start))
}

fn in_line(text: &str, start: usize) -> String {
    let line = text.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1;
    format!(" (line {line})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        let error = read("tpl-x", text, Path::new("/nonexistent")).unwrap_err().to_string();
        error.strip_prefix("template \"tpl-x\" has a broken definition: ").unwrap().to_owned()
    }

    #[test]
    fn every_field_is_read() {
        let text = r#"
            description = "For tests"
            rootfs = "host"
            start_command = "make"
            ready_command = "true"
            workdir = "/root/app"
            cpu_count = 2
            memory_mb = 64
            disk_size_mb = 100
            [env]
            GREETING = "hello"
        "#;
        let template = read("tpl-x", text, Path::new("/nonexistent")).unwrap();
        assert_eq!(template.description.as_deref(), Some("For tests"));
        assert_eq!(
            (template.start_command.as_deref(), template.ready_command.as_deref()),
            (Some("make"), Some("true"))
        );
        assert_eq!((template.cpu_count, template.memory_mb, template.disk_size_mb), (2, 64, 100));
        assert_eq!((template.workdir.as_str(), template.rootfs), ("/root/app", Rootfs::Host));
        assert_eq!(template.env_vars["GREETING"].expose(), "hello");
        assert_eq!(read("tpl-x", "", Path::new("/")).unwrap(), Template::default());
    }

    #[test]
    fn a_wrong_field_is_named_with_its_line_and_the_way_out() {
        for (text, message) in [
            (
                "\nstartComand = 'x'",
                "`startComand` is not a field of a template: did you mean `start_command`? (line 2)",
            ),
            ("envVars = {}", "`envVars` is not a field of a template: did you mean `env`? (line 1)"),
            (
                "network = true",
                "`network` is not a field of a template: known are description, rootfs, start_command, ready_command, workdir, cpu_count, memory_mb, disk_size_mb, env (line 1)",
            ),
            ("cpu_count = 0", "`cpu_count` must be between 1 and 256 CPUs, got 0 (line 1)"),
            (
                "cpu_count = 1.5",
                "`cpu_count` must be a whole number between 1 and 256 CPUs, got 1.5: round it (line 1)",
            ),
            ("memory_mb = 31", "`memory_mb` must be between 32 and 1048576 MiB, got 31 (line 1)"),
            (
                "disk_size_mb = '1G'",
                "`disk_size_mb` must be a whole number between 1 and 1048576 MiB, got a string (\"1G\") (line 1)",
            ),
            ("rootfs = 5", "`rootfs` must be a string, got a number (5) (line 1)"),
            (
                "workdir = 'app'",
                "`workdir` must be an absolute path without `..`, got \"app\": write it as /root/workspace (line 1)",
            ),
            (
                "workdir = '/root/../etc'",
                "`workdir` must be an absolute path without `..`, got \"/root/../etc\": write it as /root/workspace (line 1)",
            ),
            ("start_command = \"a\\u0000\"", "`start_command` holds a NUL character: remove it (line 1)"),
        ] {
            assert_eq!(error(text), message);
        }
    }

    #[test]
    fn a_text_that_is_too_long_is_refused_with_its_field_and_limit() {
        for (field, most) in
            [("start_command", 131_071_usize), ("ready_command", 131_071), ("workdir", 4095), ("description", 65_536)]
        {
            let text = |length: usize| format!("{field} = '/{}'", "x".repeat(length - 1));
            assert!(read("tpl-x", &text(most), Path::new("/nonexistent")).is_ok(), "{field}");
            let message = error(&text(most + 1));
            let expected = format!("`{field}` must have at most {most} bytes, got {}", most + 1);
            assert!(message.starts_with(&expected), "{message}");
        }
    }

    #[test]
    fn a_variable_is_named_and_its_value_is_not_repeated() {
        assert_eq!(
            error("[env]\nA = 'x'\nTOKEN = 424242"),
            "`env.TOKEN` must be a string, got a number: put it into quotes (line 3)"
        );
        assert!(error("[env]\n'A-B' = 'hush'").starts_with("`env` has the name \"A-B\""));
        assert!(error("env = 5").starts_with("`env` must be an object of strings, got a number"));
        for text in ["[env]\nTOKEN = 'hush", "[env]\nTOKEN = hush", "TOKEN = 'hush' 'hush'", "= hush"] {
            let message = error(text);
            assert!(message.starts_with("it is no TOML (line ") && !message.contains("hush"), "{message}");
        }
    }
}
