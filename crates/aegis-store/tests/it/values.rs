//! What goes in comes out, and nothing else is accepted.

use aegis_store::{Fault, FromColumn, Sql, Store, Value, Verdict};
use aegis_testkit::backend::TestDatabase;

use crate::fixture::{INSERT, open, put, write};

async fn stored<T>(store: &Store, sql: Sql) -> Result<T, Fault>
where
    T: FromColumn + Send + 'static,
{
    store.read(move |tx| tx.one(sql, &[], |row| row.get(0))).await
}

pub(crate) async fn every_kind_comes_back_as_it_went(database: &TestDatabase) {
    let store = open(database);
    let texts = ["", "plain", "é ☃ 𝄞", "'quoted' \"twice\" $1 ?1"];
    let numbers = [0, 1, i64::from(u32::MAX), i64::MAX];
    for (index, (text, number)) in texts.into_iter().zip(numbers).enumerate() {
        let bytes: Vec<u8> = (0..=255).cycle().take(index * 1_000).collect();
        let id = index.to_string();
        let row = (text.to_owned(), number, bytes.clone());
        let read_id = id.clone();
        write(&store, move |tx| {
            let params = [id.as_str().into(), number.into(), Value::from(Some(text)), bytes.clone().into()];
            tx.execute(INSERT, &params).map(Verdict::Commit)
        })
        .await
        .expect("insert");
        let read = store
            .read(move |tx| {
                let sql = Sql::new("SELECT note, amount, bytes FROM item WHERE id = $1");
                tx.one(sql, &[read_id.as_str().into()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            })
            .await;
        assert_eq!(read.expect("read"), row);
    }
    let row = write(&store, |tx| {
        let params =
            ["nulls".into(), 7_u32.into(), Value::from(None::<String>), Value::from(None::<Vec<u8>>)];
        tx.execute(INSERT, &params)?;
        let sql = Sql::new("SELECT note, bytes, amount, id FROM item WHERE id = 'nulls'");
        tx.one(sql, &[], |row| {
            let nulls = (row.get::<Option<String>>(0)?, row.get::<Option<[u8; 4]>>(1)?);
            Ok((nulls, row.get::<u32>(2)?, row.get::<Option<u64>>(2)?, row.get::<String>(3)?))
        })
        .map(Verdict::Commit)
    })
    .await;
    assert_eq!(row.expect("nulls"), ((None, None), 7, Some(7), "nulls".to_owned()));
    assert!(stored::<bool>(&store, Sql::new("SELECT EXISTS (SELECT 1 FROM item)")).await.expect("bool"));
    assert!(
        !stored::<bool>(&store, Sql::new("SELECT amount > 9 FROM item WHERE id = 'nulls'"))
            .await
            .expect("bool")
    );
}

pub(crate) async fn parameters_may_stand_in_any_order_and_repeat(database: &TestDatabase) {
    let store = open(database);
    write(&store, |tx| {
        let sql = Sql::new("INSERT INTO item (note, bytes, id, amount) VALUES ($3, $4, $1, $2)");
        tx.execute(sql, &["a".into(), 12_i64.into(), "a".into(), [9_u8; 3].into()])?;
        let repeated =
            Sql::new("SELECT id FROM item WHERE note = $2 AND id = $2 AND amount = $1 AND amount <= $1");
        tx.one(repeated, &[12_i64.into(), "a".into()], |row| row.get::<String>(0)).map(Verdict::Commit)
    })
    .await
    .expect("found");
    let bytes: [u8; 3] = stored(&store, Sql::new("SELECT bytes FROM item")).await.expect("bytes");
    assert_eq!(bytes, [9; 3]);
}

pub(crate) async fn a_wrong_number_of_parameters_is_refused(database: &TestDatabase) {
    let store = open(database);
    let sql = Sql::new("SELECT id FROM item WHERE id = $1");
    for params in [vec![], vec![Value::from("a"), Value::from("b")]] {
        let result = store.read(move |tx| tx.optional(sql, &params, |_| Ok(()))).await;
        assert!(matches!(result, Err(Fault::Internal { .. })), "{result:?}");
    }
}

pub(crate) async fn decoding_is_strict(database: &TestDatabase) {
    async fn refused<T: FromColumn + Send + 'static>(store: &Store, sql: &'static str) {
        let result = stored::<T>(store, Sql::new(sql)).await;
        let fault = result.err().unwrap_or_else(|| panic!("{sql} was decoded"));
        let Fault::Corrupt { statement, column, expected, .. } = fault else { panic!("{sql}: {fault:?}") };
        assert_eq!((statement, expected), (sql, T::EXPECTED));
        assert!(sql.contains(&column), "{sql}: {column}");
    }
    let store = open(database);
    put(&store, "a", 5_000_000_000).await;
    write(&store, |tx| {
        let params = ["b".into(), 2_i64.into(), "text".into(), [1_u8; 5].into()];
        tx.execute(INSERT, &params).map(Verdict::Commit)
    })
    .await
    .expect("insert");
    refused::<u32>(&store, "SELECT amount FROM item WHERE id = 'a'").await;
    refused::<u64>(&store, "SELECT amount - 6000000000 AS negative FROM item WHERE id = 'a'").await;
    refused::<bool>(&store, "SELECT amount FROM item WHERE id = 'b'").await;
    refused::<String>(&store, "SELECT note FROM item WHERE id = 'a'").await;
    refused::<String>(&store, "SELECT amount FROM item WHERE id = 'b'").await;
    refused::<i64>(&store, "SELECT note FROM item WHERE id = 'b'").await;
    refused::<Vec<u8>>(&store, "SELECT note FROM item WHERE id = 'b'").await;
    refused::<[u8; 4]>(&store, "SELECT bytes FROM item WHERE id = 'b'").await;
    refused::<Option<i64>>(&store, "SELECT note FROM item WHERE id = 'b'").await;
    refused::<i64>(&store, "SELECT amount / 2e0 AS fraction FROM item WHERE id = 'b'").await;
    let missing = store.read(|tx| tx.one(Sql::new("SELECT 1"), &[], |row| row.get::<i64>(1))).await;
    assert!(matches!(missing, Err(Fault::Corrupt { .. })), "{missing:?}");
}

pub(crate) async fn the_number_of_rows_is_checked(database: &TestDatabase) {
    let store = open(database);
    let all = Sql::new("SELECT id FROM item");
    let none = store.read(move |tx| tx.one(all, &[], |_| Ok(()))).await;
    assert!(matches!(none, Err(Fault::Corrupt { .. })), "{none:?}");
    let absent = store.read(move |tx| tx.optional(all, &[], |_| Ok(()))).await;
    assert_eq!(absent.expect("no row"), None);
    put(&store, "a", 1).await;
    put(&store, "b", 2).await;
    let several = store.read(move |tx| tx.one(all, &[], |_| Ok(()))).await;
    assert!(matches!(several, Err(Fault::Corrupt { .. })), "{several:?}");
    // A list that ends early leaves the connection usable.
    let stopped = store
        .read(move |tx| {
            let refusal = tx.list(all, &[], |row| row.get::<i64>(0));
            assert!(matches!(refusal, Err(Fault::Corrupt { .. })), "{refusal:?}");
            tx.list(all, &[], |row| row.get::<String>(0))
        })
        .await;
    assert_eq!(stopped.expect("both").len(), 2);
}

pub(crate) async fn a_text_with_a_zero_byte_is_refused(database: &TestDatabase) {
    let store = open(database);
    let result = write(&store, |tx| {
        tx.execute(INSERT, &["a\0b".into(), 1_i64.into(), Value::Null, Value::Null]).map(Verdict::Commit)
    })
    .await;
    assert!(matches!(result, Err(Fault::Internal { .. })), "{result:?}");
}
