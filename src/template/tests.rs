use proptest::prelude::*;

use std::rc::Rc;

use super::*;

fn secrets() -> Vec<KvSecret> {
    let secret = |path: &str, data: &[(&str, Option<&str>)]| KvSecret {
        path: SecretPath::parse(path).unwrap(),
        version: None,
        data: data
            .iter()
            .map(|(key, value)| (key.to_string(), value.map(|value| Rc::new(Secret::new(value.as_bytes().to_vec())))))
            .collect(),
        lease_duration: None,
    };
    vec![
        secret("s/a", &[("user", Some("first")), ("password", Some("p@ss:/?#%")), ("none", None)]),
        secret("s/b@1", &[("user", Some("pinned"))]),
        secret("s/b", &[("user", Some("last"))]),
    ]
}

fn render(text: &str) -> Result<String, TemplateError> {
    let value = Template::parse(text)?.render(&secrets())?;
    Ok(String::from_utf8(value.expose().to_vec()).unwrap())
}

fn error(text: &str) -> (usize, TemplateErrorKind) {
    let TemplateError { column, kind } = render(text).unwrap_err();
    (column, kind)
}

#[test]
fn placeholders_are_replaced() {
    assert_eq!(render("").unwrap(), "");
    assert_eq!(render("plain é").unwrap(), "plain é");
    assert_eq!(render("{user}").unwrap(), "last", "the last path wins");
    assert_eq!(render("{s/a#user}+{ s/b # user }").unwrap(), "first+last");
    assert_eq!(render("{/s/b@1#user}").unwrap(), "pinned");
    assert_eq!(render("{{{user}}}{{}}").unwrap(), "{last}{}");
    assert_eq!(render("pg://{user|url}:{password|url}@db").unwrap(), "pg://last:p%40ss%3A%2F%3F%23%25@db");
    assert_eq!(render("{password|base64}").unwrap(), "cEBzczovPyMl");
}

#[test]
fn errors_name_the_column() {
    assert_eq!(error("ab{user"), (3, TemplateErrorKind::Unclosed));
    assert_eq!(error("é{us{er}"), (2, TemplateErrorKind::Unclosed));
    assert_eq!(error("user}"), (5, TemplateErrorKind::Unopened));
    assert_eq!(error("{}"), (1, TemplateErrorKind::NoKey));
    assert_eq!(error("{s/a#}"), (1, TemplateErrorKind::NoKey));
    assert_eq!(error("x {user|uri}"), (3, TemplateErrorKind::UnknownFilter { filter: "uri".into() }));
    let hint = |hint: &str| hint.to_owned();
    assert_eq!(
        error("{user}{pasword}"),
        (7, TemplateErrorKind::UnknownKey { key: "pasword".into(), hint: hint("did you mean `password`?") })
    );
    let keys = hint("the keys are `none`, `password`, `user`");
    assert_eq!(error("{zzz}"), (1, TemplateErrorKind::UnknownKey { key: "zzz".into(), hint: keys }));
    for (text, path, similar) in [("{s/c#user}", "s/c", "s/a"), ("{s/b@2#user}", "s/b@2", "s/b@1")] {
        let hint = format!("did you mean `{similar}`?");
        assert_eq!(error(text), (1, TemplateErrorKind::UnknownPath { path: path.into(), hint }));
    }
    assert_eq!(error("{s//a#user}"), (1, TemplateErrorKind::Path(PathError::DotSegment)));
    assert_eq!(error("{none}"), (1, TemplateErrorKind::Null { key: "none".into() }));
}

#[test]
fn habits_of_other_templates_are_noticed() {
    let warnings = |text: &str| {
        let name = EnvName::parse("A").unwrap();
        let template = Template::parse(text).unwrap();
        Assignment { name, template, source: "--set".into() }.warnings().iter().map(ToString::to_string).collect()
    };
    let [dollar, braces] =
        ["--set A: `${…}` is a dollar sign before a value", "--set A: `{{ … }}` is text in single braces"];
    let none: [&str; 0] = [];
    let check = |text: &str, expected: &[&str]| assert_eq!(Vec::<String>::as_slice(&warnings(text)), expected);
    check("pg://${user}@${password}", &[dollar]);
    check("{{ user }}", &[braces]);
    check("{{ .Data.data.user | base64 }} ${user}", &[dollar, braces]);
    for text in ["{user}$", "$ {user}", "{{}}", r#"{{"a": "{user}"}}"#, "{{{user}}}", "{{a: 1}}", "{{ }}"] {
        check(text, &none);
    }
}

proptest! {
    #[test]
    fn any_text_is_a_template_or_an_error_within_it(text in "\\PC{0,40}") {
        if let Err(error) = Template::parse(&text) {
            prop_assert!((1..=text.chars().count()).contains(&error.column));
        }
    }

    #[test]
    fn text_with_doubled_braces_is_itself(text in "\\PC{0,40}") {
        let doubled = text.replace('{', "{{").replace('}', "}}");
        prop_assert_eq!(render(&doubled).unwrap(), text);
    }
}
