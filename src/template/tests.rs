use proptest::prelude::*;

use std::rc::Rc;

use super::*;
use crate::secret_path::PathError;

const JSON: &str =
    r#" {"a": [1e400, "x\u0000\"", {"~/|}": -0.0}], "": 12345678901234567890, "n": null, "n": [null], "z": null}"#;

fn secrets() -> Vec<KvSecret> {
    let secret = |path: &str, data: &[(&str, Option<&str>)]| KvSecret {
        path: SecretPath::parse(path).unwrap(),
        version: None,
        data: data
            .iter()
            .map(|(key, value)| (key.to_string(), value.map(|value| Rc::new(Secret::new(value.as_bytes().to_vec())))))
            .collect(),
        lease_duration: None,
        exported: path != "s/hidden",
    };
    vec![
        secret("s/a", &[("user", Some("first")), ("password", Some("p@ss:/?#%")), ("none", None)]),
        secret("s/f", &[("json", Some(JSON)), ("b64", Some("eyJhIjpb\r\nMSwiIl19")), ("odd", Some("hunter2"))]),
        secret("s/b@1", &[("user", Some("pinned"))]),
        secret("s/b", &[("user", Some("last"))]),
        secret("s/hidden", &[("user", Some("hidden")), ("zzz", Some("hidden"))]),
    ]
}

fn render(text: &str) -> Result<String, TemplateError> {
    let value = Template::parse(text)?.render(&secrets())?;
    Ok(String::from_utf8(value.expose().to_vec()).unwrap())
}

fn error(text: &str) -> (usize, TemplateErrorKind) {
    let TemplateError { column, kind } = render(text).unwrap_err();
    (column.unwrap(), kind)
}

#[test]
fn placeholders_are_replaced() {
    assert_eq!(render("").unwrap(), "");
    assert_eq!(render("plain é").unwrap(), "plain é");
    assert_eq!(render("{user}").unwrap(), "last", "the last path wins");
    assert_eq!(render("{s/a#user}+{ s/b # user }").unwrap(), "first+last");
    assert_eq!(render("{/s/b@1#user}").unwrap(), "pinned");
    assert_eq!(render("{s/hidden#zzz}").unwrap(), "hidden", "without the path, only exported secrets are searched");
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
    let keys = hint("the keys are `b64`, `json`, `none`, `odd`, `password`, `user`");
    assert_eq!(error("{zzz}"), (1, TemplateErrorKind::UnknownKey { key: "zzz".into(), hint: keys }));
    for (text, path) in [("{s/c#user}", "s/c"), ("{s/b@2#user}", "s/b@2")] {
        assert_eq!(error(text), (1, TemplateErrorKind::Missing { path: path.into() }));
    }
    assert_eq!(error("{s//a#user}"), (1, TemplateErrorKind::Path(PathError::DotSegment.expected())));
    assert_eq!(error("{none}"), (1, TemplateErrorKind::Null { key: "none".into() }));
}

#[test]
fn filters_are_applied_from_left_to_right() {
    for (filters, value) in [
        ("|json:/a/0", "1e400"),
        ("|json:/a/1", "x\0\""),
        ("|json:/a/1|url", "x%00%22"),
        ("|json:/a/2", r#"{"~/|}": -0.0}"#),
        ("|json:/a/2/~0~1%7C%7D", "-0.0"),
        ("|json:/", "12345678901234567890"),
        ("|json:/n", "[null]"),
        ("|json:", JSON.trim()),
        ("|json:/a|json:/1|base64|unbase64", "x\0\""),
        (" | json:/a/0 | base64", "MWU0MDA="),
    ] {
        assert_eq!(render(&format!("{{json{filters}}}")).unwrap(), value, "{filters}");
    }
    assert_eq!(render("{b64|unbase64|json:/a}").unwrap(), r#"[1,""]"#);
}

#[test]
fn base64_is_decoded_in_either_alphabet_with_or_without_padding() {
    let decode = |text: &str| Filter::Unbase64.apply(text.as_bytes()).map(|secret| secret.expose().to_vec());
    for text in ["-_8", "+/8", "+/8=", "-_8=", "\r\n+/\n8=\n", "-_\n8\n"] {
        assert_eq!(decode(text), Ok(b"\xfb\xff".to_vec()), "{text:?}");
    }
    assert_eq!(decode(""), Ok(Vec::new()));
    for text in ["+_8=", "+/8==", "+/9", "a", "+/ 8", "+/8=x", "é", "="] {
        assert_eq!(decode(text), Err(FilterError::NotBase64), "{text:?}");
    }
}

#[test]
fn a_value_that_a_filter_does_not_take_is_an_error() {
    use FilterError::{NoMember, NotBase64, NotJson, NullMember};
    for (placeholder, expected) in [
        ("odd|unbase64", NotBase64),
        ("odd|json:", NotJson),
        ("json|unbase64", NotBase64),
        ("json|json:/b", NoMember),
        ("json|json:/A", NoMember),
        ("json|json:/a/3", NoMember),
        ("json|json:/a/-", NoMember),
        ("json|json:/a/00", NoMember),
        ("json|json:/a/+1", NoMember),
        ("json|json:/a/0/b", NoMember),
        ("json|json:/a/1/0", NoMember),
        ("json|json:/z", NullMember),
        ("json|json:/z/0", NoMember),
    ] {
        let error = error(&format!("x{{{placeholder}}}"));
        assert_eq!(error, (2, TemplateErrorKind::Filter(expected)), "{placeholder}");
    }
    for filter in ["json", "json:a", "json:/~", "json:/~2", "json:/%ff", "unbase64:", "", "URL"] {
        assert_eq!(
            error(&format!("{{json|{filter}}}")),
            (1, TemplateErrorKind::UnknownFilter { filter: filter.into() })
        );
    }
}

#[test]
fn deep_and_long_documents_need_no_stack() {
    let (depth, items) = (200_000, 50_000);
    let document = format!("[{}{}, [{}7]]", "[".repeat(depth), "]".repeat(depth), "0,".repeat(items));
    let select = |pointer: &str| Filter::parse(pointer).unwrap().apply(document.as_bytes());
    assert_eq!(select(&format!("json:/1/{items}")).unwrap().expose(), b"7");
    assert_eq!(select("json:/0/0").unwrap().expose().len(), 2 * depth - 2);
    assert_eq!(select("json:/0/1").unwrap_err(), FilterError::NoMember);
}

#[test]
fn habits_of_other_templates_are_noticed() {
    let warnings = |text: &str| {
        let name = EnvName::parse("A").unwrap();
        let template = Template::parse(text).unwrap();
        Assignment { name, template, source: "--set".into(), discovered: false }
            .warnings()
            .iter()
            .map(ToString::to_string)
            .collect()
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
            prop_assert!((1..=text.chars().count()).contains(&error.column.unwrap()));
        }
    }

    #[test]
    fn text_with_doubled_braces_is_itself(text in "\\PC{0,40}") {
        let doubled = text.replace('{', "{{").replace('}', "}}");
        prop_assert_eq!(render(&doubled).unwrap(), text);
    }
}
