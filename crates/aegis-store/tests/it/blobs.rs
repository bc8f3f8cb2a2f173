//! Both places keep blobs alike.

use aegis_store::Fault;
use aegis_store::blob::Blobs;

async fn keeps_blobs(blobs: &Blobs) {
    for (key, bytes) in
        [("a", b"1".to_vec()), ("a/b", vec![]), ("a/b-c/d_e", vec![9; 100_000]), ("ab", b"2".to_vec())]
    {
        blobs.put(key, bytes.clone()).await.expect("put");
        assert!(blobs.exists(key).await.expect("exists"));
        assert_eq!(blobs.get(key).await.expect("get"), Some(bytes));
    }
    blobs.put("a", b"replaced".to_vec()).await.expect("replace");
    assert_eq!(blobs.get("a").await.expect("get"), Some(b"replaced".to_vec()));
    assert_eq!(blobs.list_prefix("").await.expect("list"), ["a", "a/b", "a/b-c/d_e", "ab"]);
    assert_eq!(blobs.list_prefix("a/").await.expect("list"), ["a/b", "a/b-c/d_e"]);
    assert_eq!(blobs.list_prefix("a/b-").await.expect("list"), ["a/b-c/d_e"]);
    assert!(blobs.list_prefix("none/").await.expect("list").is_empty());
    assert!(blobs.delete("a/b").await.expect("delete"));
    assert!(!blobs.delete("a/b").await.expect("delete again"));
    assert_eq!(blobs.get("a/b").await.expect("get"), None);
    assert!(!blobs.exists("a/b").await.expect("exists"));
    for key in ["", "/a", "a/", "a//b", "../a", "a.b", "A", "é", &"a".repeat(201)] {
        let refused = blobs.put(key, vec![]).await;
        assert!(matches!(refused, Err(Fault::Internal { .. })), "{key}: {refused:?}");
    }
}

#[tokio::test]
async fn in_memory() {
    keeps_blobs(&Blobs::memory()).await;
}

#[tokio::test]
async fn in_a_directory() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path().join("blobs");
    keeps_blobs(&Blobs::directory(&root).expect("open")).await;
    std::fs::write(root.join(".incoming/1-1"), b"half").expect("a leftover");
    let again = Blobs::directory(&root).expect("open again");
    assert_eq!(again.list_prefix("").await.expect("list"), ["a", "a/b-c/d_e", "ab"]);
    assert_eq!(std::fs::read_dir(root.join(".incoming")).expect("read").count(), 0);
}
