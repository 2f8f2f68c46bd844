//! `{{ … }}` in configs, in `forEach` and in the document's `output`.

use std::sync::Arc;

use blockyard::app::App;
use blockyard::domain::{Execution, ExecutionStatus, Json};
use serde_json::{Value, json};

use crate::support::{Run, app, graph};
use crate::timeline::patiently;

/// 2^60 + 1: a double would end in a zero.
const LARGE: u64 = (1 << 60) + 1;

async fn end(app: &App, config: Value, input: impl Into<Json>) -> Arc<Execution> {
    let document = graph(json!([{"id": "echo", "type": "test.echo", "config": config}]), &[]);
    patiently("the end", Run::new(app, document, input).end()).await
}

/// The config as the block got it.
async fn filled(app: &App, config: Value, input: impl Into<Json>) -> Value {
    let execution = end(app, config.clone(), input).await;
    assert_eq!(execution.status, ExecutionStatus::Completed, "{config}: {:?}", execution.error);
    execution.output.to_value().unwrap()["config"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lone_expression_yields_the_value_and_others_become_text() {
    let app = app(&["echo"]).await;
    let input =
        json!({"n": 1.5, "list": [1, {"a": null}], "yes": true, "none": null, "name": "Zoë \"Z\"", "a b": {"c": 7}});
    let config = json!({
        "whole": "{{ input }}", "number": "{{ input.n }}", "list": " {{ input.list }}", "deep": ["{{ input.list[1] }}"],
        "bool": "{{input.yes}}", "null": "{{ input.none }}", "text": "Dear {{ input.name }}, {{ input.n }} {{ input.list }}",
        "quoted": "{{ input['a b'].c }}", "computed": "{{ input.list|length + 1 }}", "braces": "{{ '{{' }} and }}",
        "plain": "{% if x %}{# no #}", "key {{ input.n }}": 1,
    });
    let expected = json!({
        "whole": input, "number": 1.5, "list": " [1,{\"a\":null}]", "deep": [{"a": null}], "bool": true, "null": null,
        "text": "Dear Zoë \"Z\", 1.5 [1,{\"a\":null}]", "quoted": 7, "computed": 3, "braces": "{{ and }}",
        "plain": "{% if x %}{# no #}", "key {{ input.n }}": 1,
    });
    assert_eq!(filled(&app, config, input).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undefined_path_is_an_error_that_names_it_unless_there_is_a_default() {
    let app = app(&["echo"]).await;
    let input = json!({"lead": {"name": "Ada"}});
    for (expression, path) in [
        ("input.lead.email", "input.lead.email"),
        ("input.lead.email.domain", "input.lead.email"),
        ("input.lead['e mail']", "input.lead['e mail']"),
        ("variables.nothing", "variables.nothing"),
        ("input.lead.email|upper", "input.lead.email"),
        ("'x' ~ input.lead.email", "input.lead.email"),
    ] {
        let execution = end(&app, json!({"to": ["ok", format!("<{{{{ {expression} }}}}>")]}), input.clone()).await;
        let error = execution.error.clone().unwrap_or_else(|| panic!("{expression} completed"));
        assert_eq!((error.code.as_str(), error.node_id.as_deref()), ("expression-error", Some("echo")), "{error:?}");
        assert!(error.message.contains(&format!("`{path}`")), "{expression}: {}", error.message);
        assert_eq!(error.details.to_value().unwrap()["pointer"], "/nodes/0/config/to/1", "{expression}: {error:?}");
    }
    let config = json!({
        "a": "{{ input.lead.email|default('nobody') }}", "b": "{{ input.lead.name|default('nobody') }}",
        "c": "{{ input.nothing.at.all|default(none) }}", "d": "{{ 'there' if input.lead.email is defined else 'not there' }}",
    });
    let execution = end(&app, config, input.clone()).await;
    // Going through what is undefined is an error even with a default, as in Jinja.
    let error = execution.error.clone().unwrap();
    assert!(error.message.contains("`input.nothing"), "{error:?}");
    let config = json!({
        "a": "{{ input.lead.email|default('nobody') }}", "b": "{{ input.lead.name|default('nobody') }}",
        "d": "{{ 'there' if input.lead.email is defined else 'not there' }}",
    });
    assert_eq!(filled(&app, config, input).await, json!({"a": "nobody", "b": "Ada", "d": "not there"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn results_are_not_templated_again() {
    let app = app(&["echo"]).await;
    let input = json!({"evil": "{{ variables.secret }}"});
    let config = json!({"a": "{{ input.evil }}", "b": "<{{ input.evil }}>", "c": "{{ input.evil|lower }}"});
    let expected =
        json!({"a": "{{ variables.secret }}", "b": "<{{ variables.secret }}>", "c": "{{ variables.secret }}"});
    assert_eq!(filled(&app, config, input).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn large_numbers_survive_every_way_through() {
    let app = app(&["echo"]).await;
    let input = format!(r#"{{"id": {LARGE}, "list": [{LARGE}], "long": 123456789012345678901234567890}}"#);
    let config = json!({
        "plain": "{{ input.id }}", "text": "id-{{ input.id }}", "computed": "{{ input.id|default(0) }}",
        "list": "{{ input.list }}", "sum": "{{ input.id + 1 }}", "literal": LARGE,
    });
    let expected = json!({
        "plain": LARGE, "text": format!("id-{LARGE}"), "computed": LARGE, "list": [LARGE], "sum": LARGE + 1, "literal": LARGE,
    });
    let execution = end(&app, config, Json::parse(input.clone()).unwrap()).await;
    assert_eq!(execution.output.to_value().unwrap()["config"], expected);
    assert_eq!(execution.input.as_str(), input);
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_see_variables_nodes_and_the_execution() {
    let app = app(&["echo"]).await;
    let mut document = graph(
        json!([
            {"id": "a-b", "type": "core.transform", "config": {"expression": "{'x': [input]}"}},
            {"id": "way", "type": "core.branch", "config": {"branches": [{"port": "on", "when": "true"}]}},
            {"id": "skipped", "type": "core.transform", "config": {"expression": "1"}},
            {"id": "echo", "type": "test.echo", "config": {
                "node": "{{ nodes['a-b'].x[0] }}", "computed": "{{ nodes['a-b'].x|length }}",
                "skipped": "{{ nodes.skipped|default('was skipped') }}", "kept": "{{ variables.kept }}",
                "given": "{{ variables.given }}", "id": "{{ execution.id }}", "mode": "{{ execution.mode }}",
                "at": "{{ execution.startedAt }}",
            }},
        ]),
        &["a-b>way", "way.on>echo", "way.default>skipped", "skipped>echo"],
    );
    document["variables"] = json!({"kept": {"deep": 1}, "given": {"deep": 2, "gone": 3}});
    let run = Run::new(&app, document, json!("in")).variables(json!({"given": {"deep": 4}}));
    let execution = patiently("the end", run.end()).await;
    let config = execution.output.to_value().unwrap()["config"].clone();
    let expected = json!({
        "node": "in", "computed": 1, "skipped": "was skipped", "kept": {"deep": 1}, "given": {"deep": 4},
        "id": execution.execution_id, "mode": "production", "at": execution.started_at,
    });
    assert_eq!(config, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documents_output_is_a_template_for_the_result() {
    let app = app(&[]).await;
    let mut document = graph(
        json!([
            {"id": "double", "type": "core.transform", "config": {"expression": "input.n * 2"}},
            {"id": "next", "type": "core.transform", "config": {"expression": "input + 1"}},
        ]),
        &["double>next"],
    );
    document["output"] = json!({"of": "{{ input.n }}", "ways": ["{{ nodes.double }}", "{{ nodes.next + 0 }}"], "text": "= {{ nodes.next }}"});
    let execution = patiently("the end", Run::new(&app, document.clone(), json!({"n": 4})).end()).await;
    assert_eq!(execution.output.to_value().unwrap(), json!({"of": 4, "ways": [8, 9], "text": "= 9"}));
    document["output"] = json!("{{ input.absent }}");
    let execution = patiently("the end", Run::new(&app, document, json!({"n": 4})).end()).await;
    let error = execution.error.as_ref().unwrap();
    assert_eq!((execution.status, error.code.as_str()), (ExecutionStatus::Failed, "expression-error"));
    assert_eq!(
        (error.message.as_str(), error.node_id.as_deref()),
        ("`input.absent` is undefined in `{{ input.absent }}`", None)
    );
}
