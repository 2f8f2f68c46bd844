//! What comes back.

use super::*;
use crate::domain::{CallError, ExecutionError, LogLine};

conformance! {
    an_execution_comes_back_whole,
    a_node_comes_back_whole,
    equal_payloads_are_stored_once,
    what_a_resume_needs_is_there,
    what_is_not_there_is_none,
    executions_are_listed_newest_first,
    workflows_are_listed_last_saved_first,
    odd_text_survives,
    large_documents_survive,
    events_are_read_from_a_position,
    odd_values_are_named,
}

async fn an_execution_comes_back_whole(fixture: Fixture) {
    let input = long('i', 5000);
    let submission = Submission {
        input: input.clone(),
        workflow_version: None,
        variables: json(r#"{"b":1,"a":1.0}"#),
        metadata: json(r#"{"from":"test"}"#),
        mode: Mode::Demo,
        ..submission("e")
    };
    let mut records = vec![Record::Submission(Box::new(submission)), event("e", 1, EventKind::ExecutionStarted)];
    let output = PayloadBook::new("e".into(), &input).keep(&long('o', 300), &mut records);
    let Record::Event { entry, .. } = &mut records[1] else { panic!() };
    entry.progress = 100.0 / 3.0;
    fixture.put(records).await;
    let error =
        ExecutionError { code: "x".into(), message: "y".into(), node_id: Some("n".into()), details: json("[1.0]") };
    let end = Finished {
        execution_id: "e".into(),
        status: ExecutionStatus::Failed,
        output,
        error: Some(error.clone()),
        dead: false,
        at: 2500,
    };
    fixture.put(vec![Record::Finished(Box::new(end))]).await;
    let row = fixture.store.execution(&"e".into()).await.unwrap().unwrap();
    assert_eq!(row.document_digest, "sha256:doc");
    assert_eq!(row.blocks, json(r#"{"core.filter":"sha256:1"}"#));
    assert_eq!(row.variables, json(r#"{"b":1,"a":1.0}"#));
    let execution = row.execution;
    assert_eq!((execution.input, execution.output), (input, long('o', 300)));
    assert_eq!((execution.workflow_version, execution.mode), (None, Mode::Demo));
    assert_eq!((execution.error, execution.metadata), (Some(error), json(r#"{"from":"test"}"#)));
    assert_eq!((execution.created_at, execution.started_at, execution.ended_at), (1000, None, Some(2500)));
    assert_eq!((execution.execution_time, execution.progress), (None, 33.33));
}

async fn a_node_comes_back_whole(fixture: Fixture) {
    let mut records = vec![submit("e")];
    let mut book = PayloadBook::new("e".into(), &json("[1,2]"));
    let call = CallRow {
        status: NodeStatus::Waiting,
        outputs: vec![
            ("z".into(), book.keep(&long('z', 1000), &mut records)),
            ("a".into(), book.keep(&json("{\"k\":[1.50]}"), &mut records)),
        ],
        error: Some(CallError::new("code", "message")),
        metadata: json(r#"{"calls":3}"#),
        logs: vec![LogLine { timestamp: 7, level: "info".into(), message: "hi".into(), fields: Some(json("{}")) }],
        logs_dropped: 4,
        retry_count: 2,
        start_time: Some(5),
        end_time: None,
        suspension: Some(Suspension { state: json("[null]"), resume_at: 77 }),
        exchanges: Some(json(r#"[{"request": {}}]"#)),
    };
    let items = Some(json("[{\"index\":0}]"));
    records.push(Record::Node {
        execution_id: "e".into(),
        node: Box::new(NodeRow { node_id: "n".into(), call: call.clone(), items: items.clone() }),
    });
    let item = ItemRow { node_id: "n".into(), index: 3, call: call.clone() };
    records.push(Record::Item { execution_id: "e".into(), item: Box::new(item) });
    fixture.put(records).await;
    let node = fixture.store.nodes(&"e".into()).await.unwrap().remove(0);
    let outputs = vec![("z".to_owned(), long('z', 1000)), ("a".to_owned(), json("{\"k\":[1.50]}"))];
    assert_eq!(node.call.outputs.0, outputs);
    assert_eq!(node.items, items);
    let item = fixture.store.items(&"e".into()).await.unwrap().remove(0);
    assert_eq!((item.index, &item.call), (3, &node.call));
    let unresolved = CallRow { outputs: (), ..CallRow::new(NodeStatus::Waiting) };
    let strip = |error, metadata, logs, suspension| (error, metadata, logs, suspension);
    assert_eq!(
        strip(node.call.error, node.call.metadata, node.call.logs, node.call.suspension),
        strip(call.error, call.metadata, call.logs, call.suspension)
    );
    assert_eq!((node.call.status, node.call.logs_dropped, node.call.retry_count), (unresolved.status, 4, 2));
    assert_eq!((node.call.start_time, node.call.end_time), (Some(5), None));
}

async fn equal_payloads_are_stored_once(fixture: Fixture) {
    let input = long('i', 5000);
    let mut book = PayloadBook::new("e".into(), &input);
    let submission = Submission { input: input.clone(), ..submission("e") };
    let mut records = vec![Record::Submission(Box::new(submission))];
    for (node_id, data) in [("a", &input), ("b", &long('o', 900)), ("c", &long('o', 900))] {
        let outputs = vec![("out".to_owned(), book.keep(data, &mut records))];
        records.push(node("e", node_id, NodeStatus::Completed, outputs));
    }
    fixture.put(records).await;
    assert_eq!(fixture.store.next_payload_number(&"e".into()).await.unwrap(), 2);
    let nodes = fixture.store.nodes(&"e".into()).await.unwrap();
    assert_eq!(nodes[0].call.outputs.get("out"), Some(&input));
    assert_eq!(nodes[2].call.outputs.get("out"), Some(&long('o', 900)));
}

async fn what_a_resume_needs_is_there(fixture: Fixture) {
    let store = &fixture.store;
    let id = ExecutionId::from("e");
    fixture.put(vec![submit_claimed("e"), event("e", 1, EventKind::ExecutionStarted)]).await;
    let mut records = Vec::new();
    let mut book = PayloadBook::starting_at(id.clone(), store.next_payload_number(&id).await.unwrap());
    for n in 0..300 {
        let data = json(&format!("[{n},{}]", long('x', 300).as_str()));
        let outputs = vec![("out".to_owned(), book.keep(&data, &mut records))];
        records.push(node("e", &format!("n{n:03}"), NodeStatus::Completed, outputs));
    }
    records.push(event("e", 2, EventKind::NodeCompleted));
    fixture.put(records).await;
    assert_eq!(store.next_payload_number(&id).await.unwrap(), 301);
    assert_eq!(store.last_seq(&id).await.unwrap(), 2);
    let nodes = store.nodes(&id).await.unwrap();
    assert_eq!(nodes.len(), 300);
    assert!(nodes[299].call.outputs.get("out").unwrap().as_str().starts_with("[299,"));
}

async fn what_is_not_there_is_none(fixture: Fixture) {
    let store = &fixture.store;
    let id = ExecutionId::from("nobody");
    assert!(store.execution(&id).await.unwrap().is_none());
    assert!(store.workflow("nothing", None).await.unwrap().is_none());
    assert!(store.nodes(&id).await.unwrap().is_empty());
    assert!(store.items(&id).await.unwrap().is_empty());
    assert!(store.events(&id, 0, 10).await.unwrap().is_empty());
    assert_eq!(store.last_seq(&id).await.unwrap(), 0);
    assert_eq!(store.next_payload_number(&id).await.unwrap(), 0);
    assert!(!store.delete_workflow("nothing", 1).await.unwrap());
}

async fn executions_are_listed_newest_first(fixture: Fixture) {
    for n in 0..30i64 {
        let id = format!("e{n:02}");
        let workflow_id = if n % 2 == 0 { "even" } else { "odd" }.to_owned();
        let user_id = if n % 3 == 0 { "kim" } else { "lee" }.into();
        // Three at a time share their moment.
        let submission = Submission { workflow_id, user_id, created_at: n / 3, ..submission(&id) };
        fixture.put(vec![Record::Submission(Box::new(submission)), event(&id, 1, EventKind::ExecutionStarted)]).await;
    }
    fixture.put(vec![finished("e04", ExecutionStatus::Completed)]).await;
    let list = async |filter: ExecutionFilter| -> Vec<String> {
        let mut filter = ExecutionFilter { limit: 4, ..filter };
        let mut found = Vec::new();
        loop {
            let page = fixture.store.executions(&filter).await.unwrap();
            found.extend(page.iter().map(|execution| execution.execution_id.to_string()));
            assert!(page.iter().all(|execution| execution.progress == 1.0));
            match page.last() {
                Some(last) => filter.after = Some(last.cursor().to_string().parse().unwrap()),
                None => return found,
            }
        }
    };
    let expected = |keep: &dyn Fn(usize) -> bool| -> Vec<String> {
        (0..30).rev().filter(|n| keep(*n)).map(|n| format!("e{n:02}")).collect()
    };
    let any = ExecutionFilter::default;
    assert_eq!(list(any()).await, expected(&|_| true));
    assert_eq!(list(ExecutionFilter { workflow_id: Some("odd".into()), ..any() }).await, expected(&|n| n % 2 == 1));
    assert_eq!(list(ExecutionFilter { user_id: Some("kim".into()), ..any() }).await, expected(&|n| n % 3 == 0));
    let pending = ExecutionFilter { status: Some(ExecutionStatus::Pending), ..any() };
    assert_eq!(list(pending.clone()).await, expected(&|n| n != 4));
    let both = ExecutionFilter { workflow_id: Some("even".into()), user_id: Some("lee".into()), ..pending };
    assert_eq!(list(both).await, expected(&|n| n % 2 == 0 && n % 3 != 0 && n != 4));
}

async fn workflows_are_listed_last_saved_first(fixture: Fixture) {
    let store = &fixture.store;
    let version = |n: i64, at: i64| NewVersion {
        workflow_id: format!("w{n}"),
        user_id: if n % 2 == 0 { "kim" } else { "lee" }.into(),
        name: "name".into(),
        uploaded: Default::default(),
        document_digest: "sha256:doc".into(),
        document: json("{}"),
        at,
    };
    for n in 0..9 {
        store.create_workflow(version(n, n / 2)).await.unwrap();
    }
    store.save_workflow(version(1, 100), None).await.unwrap();
    store.delete_workflow("w4", 101).await.unwrap();
    let list = async |user_id: Option<UserId>| -> Vec<String> {
        let mut filter = WorkflowFilter { user_id, limit: 2, after: None };
        let mut found = Vec::new();
        loop {
            let page = store.workflows(&filter).await.unwrap();
            found.extend(page.iter().map(|workflow| workflow.workflow_id.clone()));
            match page.last() {
                Some(last) => filter.after = Some(last.cursor()),
                None => return found,
            }
        }
    };
    assert_eq!(list(None).await, ["w1", "w8", "w7", "w6", "w5", "w3", "w2", "w0"]);
    assert_eq!(list(Some("kim".into())).await, ["w8", "w6", "w2", "w0"]);
}

async fn odd_text_survives(fixture: Fixture) {
    let odd = "\u{1F600} e\u{301} \u{202E}x\u{200D} \u{FFFF} '\"; DROP TABLE events; -- \r\n\t $1 ?";
    let escaped = json(r#"{"nul":"\u0000","pair":"\ud83d\ude00","k\u0000":1}"#);
    let submission = Submission { workflow_id: odd.into(), input: escaped.clone(), ..submission("e") };
    let mut first = entry(1, EventKind::NodeFailed);
    first.message = format!("before\0after {odd}");
    first.node_id = Some("n".into());
    first.data = Some(escaped.clone());
    let records =
        vec![Record::Submission(Box::new(submission)), Record::Event { execution_id: "e".into(), entry: first }];
    fixture.put(records).await;
    let execution = fixture.store.execution(&"e".into()).await.unwrap().unwrap().execution;
    assert_eq!((execution.workflow_id.as_str(), execution.input), (odd, escaped.clone()));
    let timeline = fixture.store.events(&"e".into(), 0, 10).await.unwrap();
    assert_eq!(timeline[0].entry.message, format!("before\u{FFFD}after {odd}"));
    assert_eq!(timeline[0].entry.data, Some(escaped));
}

async fn large_documents_survive(fixture: Fixture) {
    let (input, output) = (long('i', 1 << 20), long('o', 1 << 20));
    let mut records = Vec::new();
    let mut book = PayloadBook::new("e".into(), &input);
    let outputs = vec![("out".to_owned(), book.keep(&output, &mut records))];
    let submission = Submission { input: input.clone(), document: long('d', 1 << 20), ..submission("e") };
    records.insert(0, Record::Submission(Box::new(submission)));
    records.push(node("e", "n", NodeStatus::Completed, outputs));
    fixture.put(records).await;
    assert_eq!(fixture.store.execution(&"e".into()).await.unwrap().unwrap().execution.input, input);
    assert_eq!(fixture.store.nodes(&"e".into()).await.unwrap()[0].call.outputs.get("out"), Some(&output));
    assert_eq!(fixture.store.document("sha256:doc").await.unwrap().unwrap().len(), (1 << 20) + 2);
}

async fn events_are_read_from_a_position(fixture: Fixture) {
    fixture.put(vec![submit("a"), submit("b")]).await;
    for seq in 1..=10 {
        let records = vec![event("a", seq, EventKind::NodeStarted), event("b", seq, EventKind::NodeStarted)];
        fixture.put(records).await;
    }
    let mut after = 0;
    let mut seqs = Vec::new();
    loop {
        let page = fixture.store.events(&"a".into(), after, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.position;
        seqs.extend(page.iter().map(|event| event.entry.seq));
    }
    assert_eq!(seqs, (1..=10).collect::<Vec<_>>());
}

async fn odd_values_are_named(fixture: Fixture) {
    let store = &fixture.store;
    let id = ExecutionId::from("e");
    let outputs = vec![("out".to_owned(), Stored::Ref(9))];
    let records =
        vec![submit("e"), node("e", "n", NodeStatus::Running, outputs), event("e", 1, EventKind::NodeStarted)];
    fixture.put(records).await;
    let said = |error: StoreError| {
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
        error.to_string()
    };
    let error = said(store.nodes(&id).await.unwrap_err());
    assert_eq!(error, "corrupt database: payloads: no row e/9, which another row refers to");
    fixture.run("UPDATE node_results SET logs = '['").await;
    let error = said(store.nodes(&id).await.unwrap_err());
    assert!(error.starts_with("corrupt database: node_results, row e/n, column logs: EOF"), "{error}");
    fixture.run("UPDATE executions SET status = 'dancing'").await;
    let error = said(store.execution(&id).await.unwrap_err());
    assert_eq!(error, "corrupt database: executions, row e, column status: unknown name `dancing`");
    let error = said(store.executions(&ExecutionFilter { limit: 1, ..Default::default() }).await.unwrap_err());
    assert_eq!(error, "corrupt database: executions, row e, column status: unknown name `dancing`");
    fixture.run("UPDATE events SET seq = -1").await;
    let error = said(store.last_seq(&id).await.unwrap_err());
    assert_eq!(error, "corrupt database: events, row e, column seq: -1 is out of range");
    fixture.run("UPDATE payloads SET body = '[1,'").await;
    fixture.run("UPDATE executions SET status = 'running'").await;
    let error = said(store.execution(&id).await.unwrap_err());
    assert!(error.contains("executions, row e, column body"), "{error}");
}
