use super::*;
use crate::codes;

fn eval(source: &str, input: &str) -> Result<String, ExpressionError> {
    let engine = Engine::new();
    let scope = Scope::new().with("input", document(input.to_owned()).unwrap());
    engine.compile(source)?.eval_json(&scope.into_value())
}

fn value(source: &str, input: &str) -> String {
    eval(source, input).unwrap_or_else(|error| panic!("{error}"))
}

fn path(source: &str, input: &str) -> Option<String> {
    eval(source, input).unwrap_err().path().map(str::to_owned)
}

#[test]
fn the_filters_that_people_expect_are_there() {
    let input = r#"{"text": " Ada,Bob ", "rows": [{"n": 2, "g": "x"}, {"n": 1, "g": "y"}, {"n": 2, "g": "x"}]}"#;
    let cases = [
        ("input.text|trim|upper|split(',')", r#"["ADA","BOB"]"#),
        ("input.text|lower|replace(' ', '')", r#""ada,bob""#),
        ("input.nothing|default('d')", r#""d""#),
        ("input.rows|map(attribute='n')|list", "[2,1,2]"),
        ("input.rows|selectattr('n', 'eq', 2)|list|length", "2"),
        ("input.rows|map(attribute='n')|unique|sort", "[1,2]"),
        ("input.rows|sum(attribute='n')", "5"),
        ("input.rows|sum('n', 1)", "6"),
        ("(input.rows|first).n + (input.rows|last).n", "4"),
        ("input.rows|map(attribute='g')|join('-')", r#""x-y-x""#),
        ("2.567|round(1)", "2.6"),
        ("{'b': 1, 'a': 2}|dictsort", r#"[["a",2],["b",1]]"#),
        ("{'b': 1, 'a': 2}|items|list", r#"[["b",1],["a",2]]"#),
        ("[1, 2, 3]|batch(2)|list", "[[1,2],[3]]"),
        ("[1, 2, 3]|slice(2)|list", "[[1,2],[3]]"),
        ("input.rows|groupby('g')|map(attribute='grouper')|list", r#"["x","y"]"#),
        ("input.rows|groupby('g')|map('last')|map('length')|list", "[2,1]"),
        ("{'a': [1]}|tojson", r#""{\"a\": [1]}""#),
        ("'A b'.lower().split()", r#"["a","b"]"#),
        ("' x '.strip() ~ ','.join(['a', 'b'])", r#""xa,b""#),
        ("input.rows[0].keys()", r#"["n","g"]"#),
        ("input.rows[0].values()|list", r#"[2,"x"]"#),
        ("input.rows[0].get('z', 9)", "9"),
        ("input.text.strip().startswith('Ada') and not 'ab'.endswith('a')", "true"),
        ("input.rows[-1].n", "2"),
        ("input.rows[:2]|length", "2"),
        ("input['rows'][1]['n']", "1"),
        ("'n' in input.rows[0] and 2 in [1, 2]", "true"),
        ("range(3)|list", "[0,1,2]"),
        ("dict(a=1)", r#"{"a":1}"#),
        ("'%s-%s'|format(1, 'b')", r#""1-b""#),
        ("input.rows|length if input.rows else 0", "3"),
    ];
    for (source, expected) in cases {
        assert_eq!(value(source, input), expected, "{source}");
    }
}

#[test]
fn numbers_keep_their_kind() {
    let input = r#"{"i": 9007199254740993, "u": 18446744073709551615, "h": 170141183460469231731687303715884105727,
        "f": 2.0, "e": 1e2, "n": -5}"#;
    assert_eq!(
        value("[input.i + 1, input.u, input.h]", input),
        "[9007199254740994,18446744073709551615,170141183460469231731687303715884105727]"
    );
    assert_eq!(value("[input.f, input.f * 2, 7 // 2, 7 / 2, input.n % 3]", input), "[2.0,4.0,3,3.5,1]");
    assert_eq!(value("{'raw': input, 'one': input.e}", r#"{"e": 1e2}"#), r#"{"raw":{"e": 1e2},"one":100.0}"#);
    assert_eq!(value("input.e", input), "1e2");
    assert_eq!(value("340282366920938463463374607431768211455", "0"), "340282366920938463463374607431768211455");
}

#[test]
fn what_is_no_json_is_an_error() {
    for source in ["1/0", "1e308 * 10", "{'a': [1e308 * 10 - 1e308 * 10]}", "range", "{'a': dict}", "{[1]: 2}"] {
        let error = eval(source, "0").unwrap_err();
        assert_eq!(
            error.clone().into_failure("/expression", None).code(),
            codes::EXPRESSION_ERROR,
            "{source}: {error}"
        );
    }
    assert!(eval("{'a': [1, 1e308 * 10]}", "0").unwrap_err().message().contains("/a/1"));
}

#[test]
fn undefined_names_its_path() {
    let input = r#"{"leads": [{"email": "a"}, {"name": "b", "deep": {"x": 1}}], "n": null, "i": 1, "a-b": {}}"#;
    let cases = [
        ("input.missing", "input.missing"),
        ("missing", "missing"),
        ("input.leads[1].email", "input.leads[1].email"),
        ("input.leads[input.i].email|upper", "input.leads[1].email"),
        ("input.leads[7].email", "input.leads[7]"),
        ("input.missing.deeper.yet", "input.missing"),
        ("input.missing.deeper|default('x')", "input.missing"),
        ("{'a': input.missing}", "input.missing"),
        ("{'a': [1, {'b': input['a-b'].c}]}", "input['a-b'].c"),
        ("input.leads|map(attribute='email')|list", "input.leads[1].email"),
        ("input.leads|map(attribute='deep.x')|join", "input.leads[0].deep.x"),
        ("input.leads|sum(attribute='n')", "input.leads[0].n"),
        ("input.n.x", "input.n.x"),
        ("input.i + input.j", "input.j"),
        ("input.z == 1", "input.z"),
        ("input.z > 1 or true", "input.z"),
        ("'a' in input.z", "input.z"),
        ("input.z and 1", "input.z"),
        ("1 if input.z else 2", "input.z"),
        ("input.i if input.i else input.z ~ ''", ""),
        ("(input.q if input.q is defined else input.z)|upper", "input.z"),
        ("input.q|default(input.z)|upper", "input.z"),
        ("input.z()", ""),
        ("input.z.upper()", "input.z"),
        ("input.z[1:]", "input.z"),
        ("-input.z", "input.z"),
        ("not input.z", "input.z"),
        ("range(input.z)", "input.z"),
        ("[3, input.z][1] ~ ''", "input.z"),
        ("(input.leads|first).z", "(input.leads|first).z"),
        ("input['z' ~ '1']", "input.z1"),
    ];
    for (source, expected) in cases {
        match eval(source, input) {
            Ok(text) => assert_eq!(expected, "", "{source} gave {text}"),
            Err(error) if expected.is_empty() => assert!(error.path().is_none(), "{source}: {error}"),
            Err(error) => {
                assert_eq!(error.path(), Some(expected), "{source}: {error}");
                assert!(error.to_string().contains(&format!("`{expected}` is undefined")), "{error}");
            }
        }
    }
}

#[test]
fn a_default_or_a_test_takes_what_is_undefined() {
    let cases = [
        ("input.x|default(none)", "null"),
        ("input.x|d(1)", "1"),
        ("input.x is defined", "false"),
        ("input.x is undefined or input.x.y", "true"),
        ("input.x is defined and input.x.y > 1", "false"),
        ("1 if input.x is defined else 2", "2"),
        ("input.list|map(attribute='x', default=0)|list", "[0]"),
        ("input.list|selectattr('x', 'defined')|list", "[]"),
    ];
    for (source, expected) in cases {
        assert_eq!(value(source, r#"{"list": [{}]}"#), expected, "{source}");
    }
}

#[test]
fn a_missing_else_gives_no_value() {
    assert_eq!(path("'x' if false", "0"), None);
    assert_eq!(eval("'x' if false", "0").unwrap_err().message(), "its result is undefined");
}

#[test]
fn what_is_not_looked_at_passes_through_as_text() {
    let input = r#"{ "b" : 1.50, "a": [ 12345678901234567890123, "\u0041" ] , "b": 2}"#;
    assert_eq!(value("input", input), input);
    assert_eq!(
        value("{'all': input, 'a': input.a}", input),
        format!(r#"{{"all":{input},"a":[ 12345678901234567890123, "\u0041" ]}}"#)
    );
    assert_eq!(value("input.a", input), r#"[ 12345678901234567890123, "\u0041" ]"#);
    assert_eq!(value("input.b + 0", input), "2");
    assert_eq!(value("input|length", input), "2");
    assert_eq!(value("input|list", input), r#"["b","a"]"#);
    assert_eq!(value("input.a[1] ~ '\"\\n\t\u{1}é😀'", input), "\"A\\\"\\n\\t\\u0001é😀\"");
}

#[test]
fn large_objects_are_looked_up_by_name() {
    let members: Vec<_> = (0..1000).map(|n| format!(r#""k{n}": {n}"#)).collect();
    let input = format!(r#"{{{}, "k7": "last", "\u006b8": "last"}}"#, members.join(","));
    assert_eq!(
        value("[input.k0, input.k7, input.k8, input.k999, input|length]", &input),
        r#"[0,"last","last",999,1000]"#
    );
    assert_eq!(value("(input|list)[7]", &input), r#""k7""#);
    assert_eq!(path("input.k1000", &input).as_deref(), Some("input.k1000"));
}

#[test]
fn values_from_text_and_from_the_expression_are_equal() {
    let input = r#"{"a": {"x": [1, {"y": null}]}, "b": {"x": [1.0, {"y": null}]}}"#;
    assert_eq!(value("input.a == input.b and input.a == {'x': [1, {'y': none}]}", input), "true");
    assert_eq!(value("[input.a, input.b]|unique|length", input), "1");
    assert_eq!(value("input.a is mapping and input.a.x is sequence", input), "true");
}

#[test]
fn scalars_and_white_space_are_documents_too() {
    for (input, expected) in
        [(" 5 ", "5"), ("\"a\"", "\"a\""), ("null", "null"), (" [1] ", "[1]"), (" {} ", "{}"), ("true", "true")]
    {
        assert_eq!(value("input", input), expected);
    }
    for broken in ["", "{", "[1]]", "1 2", "{\"a\" 1}"] {
        assert!(document(broken.to_owned()).is_err(), "{broken}");
    }
}

#[test]
fn expressions_that_cannot_be_read_say_where() {
    for (source, offset) in [
        ("input.", None),
        ("1 +", None),
        ("a b", Some(2)),
        ("(1", None),
        ("{{ x }}", None),
        ("'abc", None),
        ("", None),
        ("x|", None),
    ] {
        let engine = Engine::new();
        let error = engine.compile(source).unwrap_err();
        assert!(error.is_malformed() && error.to_string().contains(source), "{error}");
        if offset.is_some() {
            assert_eq!(error.offset(), offset, "{error}");
        }
        let failure = error.into_failure("/expression", None);
        assert_eq!(failure.code(), codes::INVALID_CONFIG);
        assert_eq!(failure.details().unwrap()["pointer"], "/expression");
    }
    let error = eval("input|nofilter", "1").unwrap_err();
    assert!(error.is_malformed() && error.message().contains("nofilter"));
}

#[test]
fn nesting_does_not_exhaust_the_stack() {
    for (open, close) in [("(", ")"), ("[", "]"), ("{1:", "}"), ("-", ""), ("not ", ""), ("a.b(", ")"), ("a[", "]")] {
        let source = format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
        let engine = Engine::new();
        assert!(engine.compile(&source).is_err(), "{open}");
        assert!(check(&engine, &source).error.is_some());
    }
}

#[test]
fn chains_do_not_exhaust_the_stack() {
    for link in ["|upper", ".a", " ~ 1", " + 1", "[0]", " and 1", " is defined", "(1)"] {
        for times in [10_000, 1_000, 400] {
            let source = format!("input{}", link.repeat(times));
            let engine = Engine::new();
            let _ = engine.compile(&source).map(|expression| expression.eval_json(&Scope::new().into_value()));
            let _ = check(&engine, &source);
        }
    }
}

#[test]
fn references_are_listed_without_evaluation() {
    let engine = Engine::new();
    let cases: &[(&str, &[&[&str]])] = &[
        ("nodes.found.email", &[&["nodes", "found", "email"]]),
        ("nodes['a-b'].x + input.n", &[&["nodes", "a-b", "x"], &["input", "n"]]),
        ("nodes['a-b']['rows'][0].x", &[&["nodes", "a-b", "rows", "0", "x"]]),
        ("input.rows[index].x", &[&["input", "rows"], &["index"]]),
        ("range(input.n)|list", &[&["input", "n"]]),
        ("input.x.upper()", &[&["input", "x"]]),
        (
            "a|default(b)|map(attribute=c) if d is eq(e) else f[g:h]",
            &[&["d"], &["e"], &["a"], &["b"], &["c"], &["f"], &["g"], &["h"]],
        ),
        ("{'k': [x, x, (y, z)]}", &[&["x"], &["y"], &["z"]]),
        ("1 < a <= b and not c or -d", &[&["a"], &["b"], &["c"], &["d"]]),
        ("'{{' ~ 1", &[]),
    ];
    for (source, expected) in cases {
        let found = check(&engine, source);
        assert_eq!(found.error, None, "{source}");
        assert_eq!(found.references, *expected, "{source}");
    }
    assert!(check(&engine, "a +").error.is_some());
    assert!(check(&engine, "a|nofilter").error.unwrap().message().contains("nofilter"));
    assert!(check(&engine, "a is notest").error.unwrap().message().contains("notest"));
}
