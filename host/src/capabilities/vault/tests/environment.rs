//! Secrets and settings from environment variables.

use super::super::environment::Environment;

fn environment(variables: &[(&str, &str)]) -> Environment {
    Environment::read(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

#[test]
fn the_environment_gives_secrets_with_their_hosts() {
    let environment = environment(&[
        ("OPENROUTER_API_KEY", "value-openrouter"),
        ("APOLLO_API_KEY", "value-apollo"),
        ("HUNTER_API_KEY", "value-hunter"),
        ("MIXEDBREAD_API_KEY", "value-mixedbread"),
        ("APIFY_API_KEY", "value-apify"),
        ("META_ACCESS_TOKEN", "value-meta"),
        ("NEXT_PUBLIC_SUPABASE_ANON_KEY", "value-supabase"),
        ("NEXT_PUBLIC_SUPABASE_URL", "https://abc.Supabase.co/"),
        ("BLOCKYARD_SECRET_SOME_NAME", "value-some-name"),
        ("BLOCKYARD_SECRET_SOME_NAME_HOSTS", "b.example, A.example"),
        ("BLOCKYARD_SETTING_SOME_NAME", "x"),
        ("BLOCKYARD_SETTING_EMPTY", ""),
        ("PATH", "/bin"),
    ]);
    let shown = environment.secrets.iter().map(|(name, secret)| format!("{name} {}", secret.hosts.join(",")));
    let expected = [
        "apify api.apify.com",
        "apollo api.apollo.io",
        "hunter api.hunter.io",
        "meta graph.facebook.com",
        "mixedbread api.mixedbread.com",
        "openrouter openrouter.ai",
        "some-name a.example,b.example",
        "supabaseAnonKey abc.supabase.co",
    ];
    assert_eq!(shown.collect::<Vec<_>>(), expected);
    assert!(environment.secrets.iter().all(|(_, secret)| secret.value.expose().starts_with("value-")));
    let settings = [("someName", "x"), ("supabaseUrl", "https://abc.Supabase.co/")];
    assert!(environment.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).eq(settings));
    assert_eq!(environment.warnings, Vec::<String>::new());
}

#[test]
fn odd_variables_are_named_and_their_values_are_not() {
    let environment = environment(&[
        ("HUNTER_API_KEY", "canary"),
        ("APOLLO_API_KEY", "canary-\r\n"),
        ("APIFY_API_KEY", "  "),
        ("NEXT_PUBLIC_SUPABASE_ANON_KEY", "canary-supabase"),
        ("BLOCKYARD_SECRET_NO_HOST", "canary-no-host"),
        ("BLOCKYARD_SECRET_ODD_HOST", "canary-odd-host"),
        ("BLOCKYARD_SECRET_ODD_HOST_HOSTS", "a.example,canary-odd-host:1"),
        ("BLOCKYARD_SECRET_COMMA", "canary-comma"),
        ("BLOCKYARD_SECRET_COMMA_HOSTS", ", "),
        ("BLOCKYARD_SECRET_9", "canary-digit"),
        ("BLOCKYARD_SECRET_9_HOSTS", "a.example"),
        ("BLOCKYARD_SECRET_LONELY_HOSTS", "canary-lonely"),
        ("BLOCKYARD_SECRET_META", "canary-meta"),
        ("BLOCKYARD_SECRET_META_HOSTS", "a.example"),
        ("META_ACCESS_TOKEN", "first-come"),
        ("BLOCKYARD_SETTING_", "canary-setting"),
    ]);
    assert_eq!(environment.secrets.len(), 1);
    assert_eq!(environment.secrets[&"meta".parse().unwrap()].value.expose(), "first-come");
    let warnings = environment.warnings.join("\n");
    assert!(!warnings.contains("canary"), "{warnings}");
    for variable in [
        "HUNTER_API_KEY",
        "APOLLO_API_KEY",
        "NEXT_PUBLIC_SUPABASE_ANON_KEY",
        "BLOCKYARD_SECRET_NO_HOST_HOSTS",
        "BLOCKYARD_SECRET_ODD_HOST_HOSTS",
        "BLOCKYARD_SECRET_COMMA_HOSTS",
        "BLOCKYARD_SECRET_9",
        "SECRET_LONELY_HOSTS",
        "BLOCKYARD_SECRET_META",
        "BLOCKYARD_SETTING_",
    ] {
        assert!(warnings.contains(variable), "{variable} in {warnings}");
    }
    assert_eq!(environment.warnings.len(), 10, "{warnings}");
}
