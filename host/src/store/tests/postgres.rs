//! What only Postgres has: a server with users and passwords, types, an order of texts.

use blockyard_test_postgres::PASSWORD;

use super::super::dialect::Arg;
use super::*;

fn silent() -> OnCommit {
    Arc::new(|_| {})
}

async fn refusal(url: &str) -> String {
    let error = Store::open(&config(url), silent()).await.unwrap_err();
    assert!(matches!(error, StoreError::Open { .. }), "{error}");
    error.to_string()
}

/// Statements of a test in one transaction.
#[derive(Debug)]
struct Steps(Vec<(&'static str, Vec<Arg>)>);

impl command::Command for Steps {
    type Output = Vec<Option<String>>;

    async fn run(&self, transaction: &mut batch::Transaction<'_>) -> Result<Self::Output, StoreError> {
        let mut answers = Vec::new();
        for (sql, args) in &self.0 {
            let row = transaction.connection.fetch_first(*sql, args.clone()).await?;
            answers.push(row.and_then(|row| row.opt_text(0).unwrap()));
        }
        Ok(answers)
    }
}

#[tokio::test]
async fn what_cannot_be_opened_is_told_why_and_without_its_password() {
    let url = Postgres::shared().database().await;
    let shown = url.replace(PASSWORD, "***");
    let error = refusal(&url.replace(PASSWORD, "guess")).await;
    let reason = "password authentication failed for user \"blockyard\"";
    assert_eq!(error, format!("cannot open the database {shown}: {reason}"));
    let error = refusal(&url.replace("blockyard:", "nobody:")).await;
    assert!(error.ends_with("password authentication failed for user \"nobody\""), "{error}");
    let error = refusal(&Postgres::shared().url("nowhere")).await;
    assert!(error.ends_with("/nowhere: database \"nowhere\" does not exist"), "{error}");
    let port = format!(":{}/", Postgres::shared().port());
    let error = refusal(&url.replace(&port, ":1/")).await;
    assert!(error.contains("cannot reach the server: Connection refused"), "{error}");
    let error = refusal(&url.replace(&port, ":99999/")).await;
    assert!(error.contains("invalid port number"), "{error}");
    let error = refusal(&format!("{url}?sslmode=perhaps")).await;
    assert!(error.contains("perhaps"), "{error}");
    let error = refusal(&format!("{url}?sslmode=require")).await;
    assert!(error.contains("TLS"), "{error}");
    for error in [error, refusal("postgres://").await, refusal("postgres://u:throwaway@").await] {
        assert!(!error.contains(PASSWORD), "{error}");
    }
}

#[tokio::test]
async fn a_password_is_in_no_debug_text_and_no_error() {
    let url = Postgres::shared().database().await;
    let fixture = Fixture::open(&config(url.replace("postgres:", "postgresql:")), None).await;
    let texts = [format!("{:?}", fixture.store), format!("{:?}", config(&url))];
    let error = fixture.store.ask(Raw("SELECT nonsense")).await.unwrap_err();
    // A parameter that the driver does not know would be logged with its value.
    let odd = format!("{url}?passwd={PASSWORD}&{PASSWORD}&application_name=a%20b");
    Fixture::open(&config(&odd), None).await.store.ping().await.unwrap();
    for text in texts.into_iter().chain([format!("{error} {error:?}")]) {
        assert!(!text.contains(PASSWORD), "{text}");
    }
    fixture.store.ping().await.unwrap();
}

#[tokio::test]
async fn a_database_of_something_else_is_refused() {
    let url = Postgres::shared().database().await;
    let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(&url).await.unwrap();
    sqlx::raw_sql("CREATE TABLE jobs (mine TEXT)").execute(&mut connection).await.unwrap();
    let error = refusal(&url).await;
    assert!(error.ends_with(": it holds tables of something else: relation \"jobs\" already exists"), "{error}");
    sqlx::raw_sql("INSERT INTO jobs VALUES ('left as it was')").execute(&mut connection).await.unwrap();
}

#[tokio::test]
async fn another_encoding_is_refused() {
    let url = Postgres::shared().database().await;
    let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(&url).await.unwrap();
    let sql = "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'";
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    let error = refusal(&Postgres::shared().url("latin")).await;
    assert!(error.ends_with(": its encoding is LATIN1 and has to be UTF8"), "{error}");
}

#[tokio::test]
async fn a_newer_database_is_refused() {
    let url = Postgres::shared().database().await;
    let fixture = Fixture::open(&config(&url), None).await;
    fixture
        .run(
            "INSERT INTO _sqlx_migrations SELECT 1001, description, installed_on, success, checksum, 0 \
        FROM _sqlx_migrations WHERE version = 1",
        )
        .await;
    fixture.store.close().await.unwrap();
    let error = refusal(&url).await;
    assert!(error.ends_with("a newer version of this server has used it (migration 1001)"), "{error}");
}

#[tokio::test]
async fn a_null_has_the_type_of_where_it_goes() {
    const INSERT: &str = "INSERT INTO audit_log (id, at, user_id, action, subject, details) \
        VALUES ($1, $2, '', '', '', $3) RETURNING details";
    const UPDATE: &str = "UPDATE workflows SET deleted_at = $1, name = COALESCE($2, name) RETURNING deleted_at::TEXT";
    let fixture = Fixture::in_postgres().await;
    fixture.run("INSERT INTO workflows VALUES ('w', 'u', 'n', 1, 1, 1, 1, NULL)").await;
    // Each statement is prepared with what comes first.
    let steps = vec![
        (INSERT, vec!["a".into(), 1i64.into(), Arg::NULL]),
        (INSERT, vec!["b".into(), 1i64.into(), "text".into()]),
        (INSERT, vec!["c".into(), 1i64.into(), None::<&str>.into()]),
        (UPDATE, vec![Arg::NULL, Arg::NULL]),
        (UPDATE, vec![7i64.into(), "m".into()]),
        (UPDATE, vec![None::<i64>.into(), "m".into()]),
    ];
    let answers = fixture.store.ask(Steps(steps)).await.unwrap();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(answers, [None, text("text"), None, None, text("7"), None]);
    const OTHER: &str = "UPDATE workflows SET deleted_at = $1 RETURNING deleted_at::TEXT";
    let steps = vec![(OTHER, vec![8i64.into()]), (OTHER, vec![Arg::NULL])];
    assert_eq!(fixture.store.ask(Steps(steps)).await.unwrap(), [text("8"), None]);
}

#[tokio::test]
async fn numbers_of_every_width_are_read() {
    let fixture = Fixture::in_postgres().await;
    assert_eq!(fixture.number("SELECT 1").await, 1);
    assert_eq!(fixture.number("SELECT COUNT(*) FROM jobs").await, 0);
    assert_eq!(fixture.number("SELECT 5::SMALLINT").await, 5);
    assert_eq!(fixture.number("SELECT EXISTS (SELECT 1 FROM counters)").await, 1);
    assert_eq!(fixture.number("SELECT -9223372036854775808").await, i64::MIN);
    let mut connection = fixture.store.inner.database.read().await.unwrap();
    let row = connection.fetch_first("SELECT 'x'::TEXT, NULL, 1.5", []).await.unwrap().unwrap();
    assert!(row.opt_int(0).unwrap_err().contains("TEXT"));
    assert_eq!((row.opt_int(1), row.opt_text(1)), (Ok(None), Ok(None)));
    assert!(row.opt_text(2).is_err() && row.opt_text(3).is_err());
}

#[tokio::test]
async fn texts_are_ordered_as_in_sqlite() {
    let mut orders = Vec::new();
    for fixture in [Fixture::in_postgres().await, Fixture::in_file().await] {
        for (n, id) in ["b", "B", "a", "A", "é", "e", "_", "-", "\u{1F600}", "aa", "a b", "z", "ß"].iter().enumerate()
        {
            let version = NewVersion {
                workflow_id: (*id).to_owned(),
                user_id: UserId::local(),
                name: format!("n{n}"),
                uploaded: Default::default(),
                document_digest: "sha256:doc".into(),
                document: json("{}"),
                at: 1,
            };
            fixture.store.create_workflow(version).await.unwrap();
        }
        let filter = WorkflowFilter { limit: 100, ..WorkflowFilter::default() };
        let listed = fixture.store.workflows(&filter).await.unwrap();
        orders.push(listed.into_iter().map(|workflow| workflow.workflow_id).collect::<Vec<_>>());
    }
    assert_eq!(orders[0], orders[1]);
    assert_eq!(orders[0].len(), 13);
}

#[tokio::test]
async fn every_text_in_an_index_is_ordered_by_its_bytes() {
    const OTHERS: &str = "SELECT string_agg(c.relname || '.' || a.attname, ', ') FROM pg_index i \
        JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
        JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_collation k ON k.oid = a.attcollation \
        WHERE n.nspname = 'public' AND k.collname <> 'C'";
    let fixture = Fixture::in_postgres().await;
    let answers = fixture.store.ask(Steps(vec![(OTHERS, vec![])])).await.unwrap();
    assert_eq!(answers, [None]);
}

#[tokio::test]
async fn both_databases_have_the_same_tables() {
    const POSTGRES: &str = "SELECT string_agg(line, '; ' ORDER BY line) FROM (SELECT table_name || ': ' || \
        string_agg(column_name::TEXT, ' ' ORDER BY column_name COLLATE \"C\") COLLATE \"C\" AS line \
        FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations' \
        GROUP BY table_name) t";
    const SQLITE: &str = "SELECT group_concat(line, '; ') FROM (SELECT line FROM (SELECT name || ': ' || \
        (SELECT group_concat(name, ' ') FROM (SELECT name FROM pragma_table_info(m.name) ORDER BY name)) AS line \
        FROM sqlite_master m WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name <> '_sqlx_migrations') \
        ORDER BY line)";
    let postgres = Fixture::in_postgres().await.store.ask(Steps(vec![(POSTGRES, vec![])])).await.unwrap();
    let sqlite = Fixture::in_memory().await.store.ask(Steps(vec![(SQLITE, vec![])])).await.unwrap();
    let lines =
        |answers: &[Option<String>]| answers[0].as_deref().unwrap().split("; ").map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lines(&postgres), lines(&sqlite));
}

#[tokio::test]
async fn odd_text_is_kept_and_nul_replaced() {
    let fixture = Fixture::in_postgres().await;
    for odd in ["\0", "a\0b", "\u{FFFF}\u{10FFFF}", "e\u{301}", "\u{202E}x", "\u{FEFF}", "'; DROP TABLE jobs; --", ""] {
        let steps = vec![("SELECT $1::TEXT", vec![odd.into()])];
        let kept = fixture.store.ask(Steps(steps)).await.unwrap();
        assert_eq!(kept, [Some(odd.replace('\0', "\u{FFFD}"))]);
    }
    let huge = "\u{1F600}".repeat(4 << 20);
    let kept = fixture.store.ask(Steps(vec![("SELECT $1::TEXT", vec![huge.as_str().into()])])).await.unwrap();
    assert!(kept[0].as_deref() == Some(&*huge));
}

#[tokio::test]
async fn nothing_goes_on_after_a_failure_inside_a_transaction() {
    #[derive(Debug)]
    struct Careless;

    impl command::Command for Careless {
        type Output = ();

        async fn run(&self, transaction: &mut batch::Transaction<'_>) -> Result<(), StoreError> {
            transaction.connection.execute("INSERT INTO documents (digest, body) VALUES ('d', '1')", []).await?;
            drop(transaction.connection.execute("INSERT INTO nowhere VALUES (1)", []).await);
            Ok(())
        }
    }

    let fixture = Fixture::in_postgres().await;
    // Postgres itself would take the COMMIT and undo everything.
    let error = fixture.store.ask(Careless).await.unwrap_err();
    assert!(error.to_string().contains("nowhere"), "{error}");
    assert_eq!(fixture.store.document("d").await.unwrap(), None);
    fixture.put(vec![submit("e")]).await;
}

#[tokio::test]
async fn readers_cannot_write() {
    let fixture = Fixture::in_postgres().await;
    let mut connection = fixture.store.inner.database.read().await.unwrap();
    let error = connection.execute("DELETE FROM counters", []).await.unwrap_err();
    assert!(error.to_string().contains("read-only"), "{error}");
    assert!(connection.begin().await.is_err());
    assert!(fixture.store.size_bytes().await.unwrap() > 1 << 20);
    assert_eq!(fixture.store.reclaim(10).await.unwrap(), 0);
}
