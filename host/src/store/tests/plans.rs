//! How Postgres carries out the queries.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};

use super::*;

/// The plan of `sql` for any parameters, a line a step. What has no index shows, since all else is forbidden.
async fn plan(connection: &mut PgConnection, sql: &str) -> Vec<String> {
    let parameters = (1..).take_while(|n| sql.contains(&format!("${n}"))).map(|_| "NULL");
    let parameters = parameters.collect::<Vec<_>>().join(", ");
    let arguments = if parameters.is_empty() { parameters } else { format!("({parameters})") };
    let prepare = AssertSqlSafe(format!("DEALLOCATE ALL; PREPARE query AS {sql}"));
    sqlx::raw_sql(prepare).execute(&mut *connection).await.unwrap();
    let explain = AssertSqlSafe(format!("EXPLAIN EXECUTE query{arguments}"));
    let rows = sqlx::raw_sql(explain).fetch_all(connection).await.unwrap();
    rows.iter().map(|row| row.get::<String, _>(0)).collect()
}

#[tokio::test]
async fn every_query_has_its_index_in_postgres() {
    let url = Postgres::shared().database().await;
    let fixture = Fixture::open(&config(&url), None).await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let settings = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_sort = off; \
        SET enable_incremental_sort = off; SET enable_bitmapscan = off";
    sqlx::raw_sql(settings).execute(&mut connection).await.unwrap();
    for sql in sqlite::statements() {
        let steps = plan(&mut connection, &sql).await;
        let is_slow = |step: &&String| step.contains("Seq Scan") || step.contains("Sort");
        assert!(!steps.iter().any(|step| is_slow(&step)), "{sql}\n{steps:#?}");
    }
    let control = plan(&mut connection, "SELECT id FROM executions WHERE mode = $1 ORDER BY metadata").await;
    assert!(control.iter().any(|step| step.contains("Sort")), "{control:#?}");
    drop(fixture);
}
