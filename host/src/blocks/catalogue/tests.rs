//! What is kept from start to start.

use super::*;
use crate::blocks::testing::runtime;
use crate::domain::Sources;

/// Files of the cache with this extension.
fn kept(folder: &std::path::Path, extension: &str) -> Vec<std::path::PathBuf> {
    let versions = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = versions.flat_map(|version| std::fs::read_dir(version).unwrap()).map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|end| end == extension)).collect()
}

/// The code of the built-in blocks, from where all tests keep theirs.
async fn compiled_into(folder: &std::path::Path) {
    let shared = std::env::temp_dir().join(format!("blockyard-tests-{}", rustix::process::geteuid().as_raw()));
    let runtime = runtime(Some(shared.clone()), Sources::system()).await.0;
    Catalogue::with_builtins(runtime).await.unwrap();
    for (_, digest, _) in builtin::COMPONENTS {
        for end in ["cwasm", "sha256"] {
            let name = format!("{}.{end}", digest.trim_start_matches("sha256:"));
            for path in kept(&shared, end).iter().filter(|path| path.ends_with(&name)) {
                let version = folder.join(path.parent().unwrap().file_name().unwrap());
                std::fs::create_dir_all(&version).unwrap();
                std::fs::hard_link(path, version.join(&name)).unwrap();
            }
        }
    }
}

#[tokio::test]
async fn a_later_start_offers_the_same_blocks_whatever_is_left_of_what_was_kept() {
    let folder = tempfile::tempdir().unwrap();
    let start = async || {
        let runtime = runtime(Some(folder.path().to_owned()), Sources::system()).await.0;
        Catalogue::with_builtins(runtime).await.unwrap()
    };
    let told = |catalogue: &Catalogue| -> Vec<String> {
        let blocks = catalogue.types().into_iter().flat_map(|(_, versions)| versions.all.into_values());
        blocks.map(|block| serde_json::to_string(&block.manifest).unwrap()).collect()
    };
    let loaded = |catalogue: &Catalogue| {
        let types = catalogue.types().into_iter();
        types.filter(|(_, versions)| versions.shown().unwrap().code.ready().is_some()).count()
    };
    compiled_into(folder.path()).await;
    let (first, count) = (start().await, builtin::COMPONENTS.len());
    assert_eq!((loaded(&first), kept(folder.path(), "json").len()), (count, count));
    let later = start().await;
    assert_eq!(loaded(&later), 0);
    assert_eq!(told(&later), told(&first));

    // A manifest that was spoiled, two that are gone, and code that is.
    let manifests = kept(folder.path(), "json");
    std::fs::write(&manifests[0], "{\"type\": 1}").unwrap();
    std::fs::write(&manifests[1], [0xff]).unwrap();
    std::fs::remove_file(&manifests[2]).unwrap();
    std::fs::remove_file(manifests[3].with_extension("cwasm")).unwrap();
    let spoiled = start().await;
    assert_eq!((loaded(&spoiled), told(&spoiled)), (4, told(&first)));
    assert_eq!(loaded(&start().await), 0);
    // Code that goes away while nobody needs it yet is compiled again.
    kept(folder.path(), "cwasm").iter().for_each(|path| std::fs::remove_file(path).unwrap());
    let block = spoiled.types().into_iter().find(|(_, versions)| versions.shown().unwrap().code.ready().is_none());
    let block = block.unwrap().1.shown().unwrap().clone();
    block.code.get(spoiled.runtime(), std::time::Duration::MAX).await.unwrap();
}

#[tokio::test]
async fn what_a_built_in_block_came_with_can_be_given_back() {
    let folder = tempfile::tempdir().unwrap();
    compiled_into(folder.path()).await;
    let runtime = runtime(Some(folder.path().to_owned()), Sources::system()).await.0;
    let catalogue = Catalogue::with_builtins(runtime).await.unwrap();
    for (block_type, versions) in catalogue.types() {
        let block = versions.shown().unwrap();
        // What only an operator can name is missing nowhere.
        assert!(catalogue.missing(block).is_empty(), "{block_type}");
        let whole = catalogue.grant(&block_type);
        catalogue.set_grant(block_type.clone(), Grant::default());
        let Missing { http, reveal, stateless } = catalogue.missing(block);
        assert_eq!(Grant { http, reveal, stateless }, *whole, "{block_type}");
    }
    let hunter = catalogue.types().into_iter().find(|(block_type, _)| block_type.as_str() == "api.hunter").unwrap().1;
    assert_eq!(catalogue.missing(hunter.shown().unwrap()).http.len(), 1);
}
