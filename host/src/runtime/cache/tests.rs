use std::os::unix::fs::symlink;
use std::time::Duration;

use super::*;

const DIGEST: &str = "sha256:00ff";
const GIB: u64 = 1 << 30;

fn engine() -> Engine {
    Engine::default()
}

/// The smallest component.
fn code(engine: &Engine) -> Vec<u8> {
    engine.precompile_component(b"\0asm\x0d\0\x01\0").unwrap()
}

fn filled(root: &Path, engine: &Engine) -> Cache {
    let cache = Cache::open(Some(root), GIB, engine).unwrap();
    cache.store(DIGEST, &code(engine));
    cache
}

#[test]
fn code_is_loaded_as_it_was_written_or_not_at_all() {
    let (engine, root) = (engine(), tempfile::tempdir().unwrap());
    let cache = filled(root.path(), &engine);
    let (path, hash) = (cache.path(DIGEST, CODE).unwrap(), cache.path(DIGEST, HASH).unwrap());
    assert!(cache.load(&engine, DIGEST).is_some());
    assert!(cache.load(&engine, "sha256:00fe").is_none());

    let whole = fs::read(&path).unwrap();
    let spoil = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = whole.clone();
        change(&mut bytes);
        fs::write(&path, bytes).unwrap();
        assert!(cache.load(&engine, DIGEST).is_none());
        // It is gone, so that it is compiled again.
        assert!(!cache.has(DIGEST));
        cache.store(DIGEST, &whole);
        assert!(cache.load(&engine, DIGEST).is_some());
    };
    for at in [0, 100, whole.len() / 2, whole.len() - 1] {
        spoil(&|bytes| bytes[at] ^= 1);
    }
    spoil(&|bytes| bytes.truncate(bytes.len() / 2));
    spoil(&Vec::clear);
    spoil(&|bytes| bytes.push(0));

    // The code of another component, a hash that is spoiled, and one that is gone.
    let other = "sha256:0100";
    for end in [CODE, HASH] {
        fs::copy(cache.path(DIGEST, end).unwrap(), cache.path(other, end).unwrap()).unwrap();
    }
    assert!(cache.load(&engine, other).is_none());
    fs::write(&hash, "00").unwrap();
    assert!(cache.load(&engine, DIGEST).is_none());
    cache.store(DIGEST, &whole);
    fs::remove_file(&hash).unwrap();
    assert!(cache.load(&engine, DIGEST).is_none());
    // What cannot be read now may be good: here, a directory in the place of the hash.
    cache.store(DIGEST, &whole);
    fs::remove_file(&hash).unwrap();
    fs::create_dir(&hash).unwrap();
    assert!(cache.load(&engine, DIGEST).is_none() && cache.has(DIGEST));
    fs::remove_dir(&hash).unwrap();
}

#[test]
fn one_compiles_at_a_time_and_leaves_nothing_behind() {
    let (engine, root) = (engine(), tempfile::tempdir().unwrap());
    let (cache, other) = (filled(root.path(), &engine), filled(root.path(), &engine));
    let alone = cache.try_alone(DIGEST).unwrap().unwrap();
    assert!(other.try_alone(DIGEST).is_err());
    assert!(other.try_alone("sha256:01").unwrap().is_some());
    drop(alone);
    assert!(other.try_alone(DIGEST).unwrap().is_some());
    let files = fs::read_dir(cache.path(DIGEST, CODE).unwrap().parent().unwrap()).unwrap();
    let mut ends: Vec<_> = files.map(|file| file.unwrap().path().extension().unwrap().to_owned()).collect();
    ends.sort();
    assert_eq!(ends, [CODE, HASH]);
    assert!(Cache::open(None, GIB, &engine).unwrap().try_alone(DIGEST).unwrap().is_none());
}

#[test]
fn a_place_that_others_can_write_to_is_refused() {
    let (engine, top) = (engine(), tempfile::tempdir().unwrap());
    let open = |root: &Path| Cache::open(Some(root), GIB, &engine).map(drop).map_err(|error| error.to_string());
    let mode = |path: &Path, mode: u32| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    let root = top.path().join("cache");
    open(&root).unwrap();

    mode(&root, 0o777);
    assert!(open(&root).unwrap_err().contains("can be written to by every user"));
    mode(&root, 0o1777);
    open(&root).unwrap();
    // The same further up.
    mode(top.path(), 0o757);
    assert!(open(&root).unwrap_err().contains("can be written to by every user"));
    // A link is followed before.
    let link = tempfile::tempdir().unwrap();
    symlink(&root, link.path().join("link")).unwrap();
    assert!(open(&link.path().join("link")).is_err());
    mode(top.path(), 0o700);
    open(&link.path().join("link")).unwrap();

    let leaf = root.join(compatibility(&engine));
    fs::remove_dir(&leaf).unwrap();
    symlink(link.path(), &leaf).unwrap();
    assert!(open(&root).unwrap_err().contains("is not a directory of this user"));
    fs::remove_file(&leaf).unwrap();
    fs::write(&leaf, "").unwrap();
    assert!(open(&root).is_err());
    fs::remove_file(&leaf).unwrap();
    fs::create_dir(&leaf).unwrap();
    mode(&leaf, 0o755);
    open(&root).unwrap();
    assert_eq!(fs::metadata(&leaf).unwrap().mode() & 0o777, 0o700);
}

#[test]
fn what_was_not_used_for_longest_goes_when_there_is_too_much() {
    let (engine, root) = (engine(), tempfile::tempdir().unwrap());
    let (cache, now) = (filled(root.path(), &engine), SystemTime::now());
    let size = code(&engine).len() as u64 + 32;
    let aged = |path: &Path, days: u64| {
        let file = File::options().append(true).open(path).unwrap();
        file.set_modified(now - Duration::from_secs(days * 24 * 3600)).unwrap();
    };
    let digests = ["sha256:0a", "sha256:0b", "sha256:0c", DIGEST];
    for (digest, days) in digests.into_iter().zip([9, 7, 8, 6]) {
        cache.store(digest, &code(&engine));
        [CODE, HASH].into_iter().for_each(|end| aged(&cache.path(digest, end).unwrap(), days));
    }
    // One of an engine of before, what was left behind, and what is none of ours.
    let before = root.path().join("0123456789abcdef");
    fs::create_dir(&before).unwrap();
    let leaf = cache.path(DIGEST, CODE).unwrap().parent().unwrap().to_owned();
    let others = [
        (before.join("0d.cwasm"), 20),
        (leaf.join("0e.0-1.tmp"), 2),
        (leaf.join("0e.lock"), 2),
        (leaf.join("0f.lock"), 0),
        (root.path().join("notes.txt"), 20),
        (leaf.join("0a.txt"), 20),
        (before.join("notes.json"), 20),
        (before.join("notes.tmp"), 20),
    ];
    for (path, days) in &others {
        fs::write(path, "x").unwrap();
        aged(path, *days);
    }
    let left = |most: u64| {
        bound::keep_to(root.path(), most, now).unwrap();
        digests.map(|digest| cache.has(digest))
    };
    assert_eq!(left(4 * size), [true; 4]);
    let kept = others.each_ref().map(|(path, _)| path.exists());
    assert_eq!(kept, [false, false, false, true, true, true, true, true]);
    // Use counts, not age.
    assert!(cache.load(&engine, "sha256:0a").is_some());
    assert_eq!(left(2 * size), [true, false, false, true]);
    assert_eq!(left(2 * size - 1), [true, false, false, false]);
    assert_eq!(left(0), [false; 4]);
    assert!(!cache.path("sha256:0a", HASH).unwrap().exists());
    assert!(others[3..].iter().all(|(path, _)| path.exists()), "what is not the cache's own stays");
}
