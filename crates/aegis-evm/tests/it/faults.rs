//! What networks do wrong: lost requests and answers, forgotten and delayed transactions, nodes that are away.

use std::io::{Read as _, Write as _};

use aegis_evm::chain::{Chain, Identity, NotConnected};
use aegis_evm::fault::{ChainFault, Refusal};
use aegis_evm::finality::At;
use aegis_evm::send::Presented;
use aegis_evm::sim::{DELAY_BLOCKS, SimChain, SimSwitch};
use aegis_wallet::amount::Atoms;
use aegis_wallet::evidence::Evidence;
use aegis_wallet::reconcile::Sight;

use crate::world::{FINALITY, Ground, World, name};

fn sim(world: &World) -> &SimChain {
    let Ground::Sim(sim) = &world.ground else { panic!("these tests are about the chain in process") };
    sim
}

/// Not done, and done but not said: both are unknown, and presenting the same bytes again ends both with one effect.
#[tokio::test]
async fn a_lost_answer_proves_nothing() {
    let world = World::on_sim();
    let (alice, bob) = (world.funded(10).await, world.fresh().address());
    for (switch, sight) in [(SimSwitch::LoseRequest, Sight::Absent), (SimSwitch::LoseAnswer, Sight::Pending)]
    {
        let draft = world.transfer(&alice, bob, 3).await;
        let signed = draft.sign(&alice).unwrap();
        let sent = world.sent(&alice, &draft, &[&signed]).await;
        sim(&world).arm(switch, 1).unwrap();
        assert!(matches!(world.chain.present(&signed).await, Presented::Unknown(ChainFault::Unreachable(_))));
        assert_eq!(world.chain.look_at_transaction(&sent).await.unwrap(), sight);
        let again = world.chain.present(&signed).await;
        assert!(matches!(again, Presented::Accepted | Presented::AlreadyKnown), "{again:?}");
        world.mine(3).await;
        let proven = Sight::Proven(Evidence::Included(signed.hash()));
        assert_eq!(world.chain.look_at_transaction(&sent).await.unwrap(), proven);
    }
    assert_eq!(world.chain.token_balance(world.token(), bob, At::Head).await.unwrap(), Atoms::new(6));
}

/// A node that takes a transaction and forgets it: absent, and presented again.
#[tokio::test]
async fn a_dropped_submission_is_absent() {
    let world = World::on_sim();
    let (alice, bob) = (world.funded(10).await, world.fresh().address());
    let draft = world.transfer(&alice, bob, 3).await;
    sim(&world).arm(SimSwitch::DropSubmission, 1).unwrap();
    let signed = world.submit(&draft, &alice).await;
    let sent = world.sent(&alice, &draft, &[&signed]).await;
    world.mine(3).await;
    assert_eq!(world.chain.look_at_transaction(&sent).await.unwrap(), Sight::Absent);
    world.submit(&draft, &alice).await;
    assert!(sim(&world).forget(signed.hash()).unwrap() && !sim(&world).forget(signed.hash()).unwrap());
    assert_eq!(world.chain.look_at_transaction(&sent).await.unwrap(), Sight::Absent);
}

/// A delayed transaction waits its blocks; one that was told to fail is included and moves nothing.
#[tokio::test]
async fn delay_and_failure_on_order() {
    let world = World::on_sim();
    let (alice, bob) = (world.funded(10).await, world.fresh().address());
    sim(&world).arm(SimSwitch::DelayInclusion, 1).unwrap();
    let delayed = world.submit(&world.transfer(&alice, bob, 1).await, &alice).await;
    world.mine(DELAY_BLOCKS).await;
    assert!(world.chain.receipt(delayed.hash()).await.unwrap().is_none());
    world.mine(1).await;
    sim(&world).arm(SimSwitch::HideReceipt, 1).unwrap();
    assert!(world.chain.receipt(delayed.hash()).await.unwrap().is_none(), "hidden on order");
    assert!(world.chain.receipt(delayed.hash()).await.unwrap().unwrap().succeeded);

    sim(&world).arm(SimSwitch::Revert, 1).unwrap();
    let draft = world.transfer(&alice, bob, 2).await;
    let failed = world.submit(&draft, &alice).await;
    let sent = world.sent(&alice, &draft, &[&failed]).await;
    world.mine(3).await;
    let proven = Sight::Proven(Evidence::Reverted(failed.hash()));
    assert_eq!(world.chain.look_at_transaction(&sent).await.unwrap(), proven);
    assert_eq!(world.chain.token_balance(world.token(), bob, At::Final).await.unwrap(), Atoms::new(1));
}

/// Armed faults are listed, spent and cleared; a silent node is unreachable, not wrong.
#[tokio::test]
async fn switches_are_spent() {
    let world = World::on_sim();
    world.chain.check_identity().await.unwrap();
    sim(&world).arm(SimSwitch::Silence, 1).unwrap();
    sim(&world).arm(SimSwitch::Revert, 5).unwrap();
    assert!(matches!(world.chain.heads().await, Err(ChainFault::Unreachable(_))));
    assert_eq!(sim(&world).armed().unwrap(), [(SimSwitch::Revert, 5)]);
    sim(&world).disarm().unwrap();
    assert!(sim(&world).armed().unwrap().is_empty());
    assert!(world.chain.heads().await.is_ok());
}

/// A node that is away, or answers with something else than JSON-RPC, is unreachable; nothing was sent to it.
#[tokio::test]
async fn nodes_that_are_away() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let identity = || Identity { name: name(), id: 31_338, finality: FINALITY };
    let chain = Chain::rpc(identity(), &[format!("http://{nobody}/key")]).unwrap();
    let Err(ChainFault::Unreachable(reason)) = chain.final_height().await else { panic!("nobody listens") };
    assert!(!reason.to_string().contains("key"), "an address can hold a key: {reason}");
    let world = World::on_sim();
    let signed = world.transfer(&world.owner, world.fresh().address(), 1).await.sign(&world.owner).unwrap();
    assert!(matches!(chain.present(&signed).await, Presented::NotSent(ChainFault::Unreachable(_))));
    assert!(!format!("{chain:?}").contains("/key"));
    assert!(matches!(Chain::rpc(identity(), &[]), Err(NotConnected::NodeCount)));
    let other = ["http://127.0.0.1".to_owned(), "ws://127.0.0.1/key".to_owned()];
    let Err(fault @ NotConnected::Address(1)) = Chain::rpc(identity(), &other) else {
        panic!("ws is not spoken")
    };
    assert!(!fault.to_string().contains("key"));
}

/// A node behind a broken gateway: what is no JSON-RPC is no answer, and after bytes went there nobody knows. A second
/// node that refuses changes nothing about that; one that has the bytes does.
#[tokio::test]
async fn answers_that_are_none() {
    let world = World::on_sim();
    let signed = world.transfer(&world.owner, world.fresh().address(), 1).await.sign(&world.owner).unwrap();
    let id = r#"{"jsonrpc":"2.0","id":ID,"result":"0x7a6a"}"#;
    let low = r#"{"jsonrpc":"2.0","id":ID,"error":{"code":-32000,"message":"nonce too low"}}"#;
    let known = r#"{"jsonrpc":"2.0","id":ID,"error":{"code":-32000,"message":"already known"}}"#;
    let odd = r#"{"jsonrpc":"2.0","id":ID,"error":{"code":-32603,"message":"internal error"}}"#;
    let page = "<html>502 Bad Gateway</html>";
    let chain = |nodes: &[&[&'static str]]| {
        let identity = Identity { name: name(), id: 31_338, finality: FINALITY };
        let addresses: Vec<String> = nodes.iter().map(|answers| node(answers)).collect();
        Chain::rpc(identity, &addresses).unwrap()
    };
    let read = chain(&[&[id, page]]).final_height().await;
    assert!(matches!(read, Err(ChainFault::Unreachable(_))), "{read:?}");
    for answer in [page, odd] {
        let presented = chain(&[&[id, answer], &[id, low]]).present(&signed).await;
        assert!(matches!(presented, Presented::Unknown(_)), "{presented:?}");
        let presented = chain(&[&[id, answer], &[id, known]]).present(&signed).await;
        assert!(matches!(presented, Presented::AlreadyKnown), "{presented:?}");
    }
    let presented = chain(&[&[id, low]]).present(&signed).await;
    assert!(matches!(presented, Presented::Refused(Refusal::NonceTooLow)), "{presented:?}");
    let presented = chain(&[&["<html>", "<html>"], &[id, low]]).present(&signed).await;
    assert!(matches!(presented, Presented::Refused(_)), "the first node was sent nothing: {presented:?}");
}

/// A node that gives these answers, one for each request, and then is away.
fn node(answers: &[&'static str]) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let answers = answers.to_vec();
    std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut part = [0; 4_096];
            while !request.ends_with(b"}") {
                let read = stream.read(&mut part).unwrap();
                request.extend_from_slice(&part[..read]);
            }
            let request = String::from_utf8(request).unwrap();
            let id = request.split("\"id\":").nth(1).and_then(|rest| rest.split([',', '}']).next()).unwrap();
            let body = answer.replace("ID", id);
            let head =
                format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
            stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        }
    });
    address
}
