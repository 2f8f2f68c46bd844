//! A Postgres server for one test process: started on first use from what is installed, gone with the process.

mod binaries;
mod server;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use server::{Server, Settings};

/// The name and the password of the user whose URLs are given out.
pub const USER: &str = "blockyard";
/// What the server asks of it.
pub const PASSWORD: &str = "throwaway";

/// A running server. It ends, and its files go, when it is dropped or the process ends, however that comes about.
#[derive(Debug)]
pub struct Postgres {
    server: Server,
    databases: AtomicU32,
}

impl Postgres {
    /// The server that the tests of this process share, started at the first call.
    ///
    /// # Panics
    /// If none can be started, with what to install.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(Self::own)
    }

    /// A server for one test, which may stop it.
    ///
    /// # Panics
    /// If it cannot be started, with what to install.
    pub fn own() -> Self {
        Self::with(Settings::Throwaway)
    }

    /// A server that flushes to the disk and has Postgres's own settings, to measure with.
    ///
    /// # Panics
    /// If it cannot be started, with what to install.
    pub fn durable() -> Self {
        Self::with(Settings::Durable)
    }

    fn with(settings: Settings) -> Self {
        Self { server: Server::create(settings), databases: AtomicU32::new(0) }
    }

    /// Make an empty database; its URL. Texts in it are ordered by a language's rules unless a column says otherwise,
    /// where the server can do that.
    ///
    /// # Panics
    /// If the server does not do it.
    pub async fn database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let mut connection = PgConnection::connect(&self.url("postgres")).await.expect("the server answers");
        let languages = "SELECT EXISTS (SELECT 1 FROM pg_collation WHERE collprovider = 'i') \
             AND current_setting('server_version_num')::INT >= 150000";
        let languages: bool = sqlx::query_scalar(languages).fetch_one(&mut connection).await.expect("a boolean");
        let order = if languages { "LOCALE_PROVIDER icu ICU_LOCALE 'en-US'" } else { "" };
        let sql = format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' {order}");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.expect("the database is made");
        connection.close().await.expect("the connection is closed");
        self.url(&name)
    }

    /// The URL of the database with this name, whether it exists or not.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{}/{database}", self.server.port())
    }

    /// Where it listens on loopback.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// The process that all others of the server are children of.
    ///
    /// # Panics
    /// If the server does not run.
    pub fn process_id(&self) -> u32 {
        self.server.process_id()
    }

    /// What the database at `url` takes on the disk, without the write-ahead log.
    ///
    /// # Panics
    /// If the server does not say.
    pub async fn database_bytes(&self, url: &str) -> u64 {
        let mut connection = PgConnection::connect(url).await.expect("the server answers");
        let size = sqlx::query_scalar("SELECT pg_database_size(current_database())").fetch_one(&mut connection).await;
        let size: i64 = size.expect("a number");
        connection.close().await.expect("the connection is closed");
        u64::try_from(size).expect("no negative size")
    }

    /// Stop the server as a crash does: connections are cut, nothing is tidied. Returns when it is down.
    ///
    /// # Panics
    /// If it does not stop.
    pub fn stop_immediately(&self) {
        self.server.stop();
    }

    /// Start the server again, where it was. Returns when it answers.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start(&self) {
        self.server.start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn answers(url: &str) -> bool {
        match PgConnection::connect(url).await {
            Ok(mut connection) => connection.ping().await.is_ok(),
            Err(_) => false,
        }
    }

    #[tokio::test]
    async fn many_at_once_share_one_server_and_have_their_own_databases() {
        let tasks: Vec<_> =
            (0..8).map(|_| tokio::task::spawn_blocking(|| std::ptr::from_ref(Postgres::shared()) as usize)).collect();
        let mut servers = Vec::new();
        for task in tasks {
            servers.push(task.await.expect("no panic"));
        }
        assert!(servers.windows(2).all(|pair| pair[0] == pair[1]));
        let (one, other) = (Postgres::shared().database().await, Postgres::shared().database().await);
        assert_ne!(one, other);
        assert!(answers(&one).await && answers(&other).await);
    }

    #[tokio::test]
    async fn a_server_of_its_own_stops_and_starts() {
        let postgres = Postgres::own();
        let url = postgres.database().await;
        postgres.stop_immediately();
        assert!(!answers(&url).await);
        postgres.start();
        assert!(answers(&url).await);
    }

    #[tokio::test]
    async fn a_durable_server_flushes_and_says_what_it_takes() {
        let postgres = Postgres::durable();
        let url = postgres.database().await;
        let mut connection = PgConnection::connect(&url).await.expect("the server answers");
        let fsync: String = sqlx::query_scalar("SHOW fsync").fetch_one(&mut connection).await.expect("a text");
        assert_eq!(fsync, "on");
        assert!(postgres.database_bytes(&url).await > 1_000_000);
        assert!(std::path::Path::new(&format!("/proc/{}", postgres.process_id())).exists());
    }

    #[tokio::test]
    async fn a_wrong_password_is_refused() {
        let url = Postgres::shared().database().await;
        assert!(!answers(&url.replace(PASSWORD, "guess")).await);
    }

    #[tokio::test]
    async fn a_dropped_server_leaves_nothing() {
        let postgres = Postgres::own();
        let directory = postgres.server.directory().to_owned();
        assert!(directory.join("data").is_dir());
        drop(postgres);
        assert!(!directory.exists());
    }
}
