//! Published known answers: EIP-155, EIP-712, EIP-1559, EIP-3009.

use aegis_core::crypto::digest::keccak256;
use aegis_core::secret::Secret;
use aegis_evm::eip3009::{PaymentAuthorization, TokenDomain};
use aegis_evm::key::AccountKey;
use aegis_evm::transaction::{NotATransaction, SignedTransaction};
use aegis_wallet::address::Address;
use aegis_wallet::amount::Atoms;
use alloy::primitives::{Address as ChainAddress, B256, U256, hex};
use alloy::sol_types::{SolStruct as _, eip712_domain};

fn address(text: &str) -> Address {
    Address::parse(text).unwrap().0
}

/// The example of EIP-155: the bytes to sign, their digest, and the signature with this key.
#[test]
fn eip_155_signature() {
    let key = AccountKey::from_secret(&Secret::new([0x46; 32])).unwrap();
    let digest = keccak256(&hex!(
        "ec098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a764000080018080"
    ));
    assert_eq!(hex::encode(digest), "daf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53");
    let signature = key.sign_digest(&digest).unwrap();
    assert_eq!(
        hex::encode(&signature.0[..32]),
        "28ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276"
    );
    assert_eq!(
        hex::encode(&signature.0[32..64]),
        "67cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83"
    );
    assert_eq!(signature.v(), 27);
    assert_eq!(signature.recover(&digest), Some(key.address()));
}

mod mail {
    alloy::sol! {
        struct Person {
            string name;
            address wallet;
        }
        struct Mail {
            Person from;
            Person to;
            string contents;
        }
    }
}

/// The example of EIP-712, "Hello, Bob!": digest and signature.
#[test]
fn eip_712_example() {
    let wallet = |text: &str| text.parse::<ChainAddress>().unwrap();
    let domain = eip712_domain! {
        name: "Ether Mail",
        version: "1",
        chain_id: 1,
        verifying_contract: wallet("0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC"),
    };
    let message = mail::Mail {
        from: mail::Person {
            name: "Cow".into(),
            wallet: wallet("0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"),
        },
        to: mail::Person { name: "Bob".into(), wallet: wallet("0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB") },
        contents: "Hello, Bob!".into(),
    };
    let digest = message.eip712_signing_hash(&domain).0;
    assert_eq!(hex::encode(digest), "be609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2");
    let cow = AccountKey::from_secret(&Secret::new(keccak256(b"cow"))).unwrap();
    let signature = cow.sign_digest(&digest).unwrap();
    assert_eq!(
        hex::encode(signature.0),
        "4355c47d63924e8a72e509b65029052eb6c299d53a04e167c5775fd466751c9d\
         07299936d304c153f6443dfa05f40ff007d72911b6f72307f996231605b91562\
         1c"
    );
}

/// The domain separator of USDC on Ethereum, as its contract shows it, and the digest assembled by hand from the type
/// hash that EIP-3009 prints.
#[test]
fn eip_3009_digest() {
    let domain = TokenDomain {
        name: "USD Coin".into(),
        version: "2".into(),
        chain_id: 1,
        contract: address("0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"),
    };
    assert_eq!(
        hex::encode(domain.separator()),
        "06c37168a7db5138defc7866392bb87a741f9b3d104deb5094588ce041cae335"
    );
    let authorization = PaymentAuthorization {
        from: address("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
        to: address("0x209693Bc6afc0C5328bA36FaF03C514EF312287C"),
        value: Atoms::new(10_000),
        valid_after: 1_740_672_089,
        valid_before: 1_740_672_154,
        nonce: hex!("f3746613c2d920b5fdabc0856f2aeb2d4f88ee6037b8cc5d04a71a4462f13480"),
    };
    let word = |address: Address| {
        let mut word = [0; 32];
        word[12..].copy_from_slice(address.as_bytes());
        word
    };
    let number = |number: u64| U256::from(number).to_be_bytes::<32>();
    let by_hand = |type_hash: [u8; 32]| {
        let content = [
            type_hash,
            word(authorization.from),
            word(authorization.to),
            authorization.value.to_be_bytes(),
            number(authorization.valid_after),
            number(authorization.valid_before),
            authorization.nonce,
        ]
        .concat();
        keccak256(&[&[0x19, 0x01][..], &domain.separator(), &keccak256(&content)].concat())
    };
    let transfer = hex!("7c7c6cdb67a18743f49ec6fa9b35f50d52ed05cbed4cc592e13b44501c1a2267");
    let receive = hex!("d099cc98ef71107a616c4f0f941f04c322d8e254fe26b3c6668db87aae413de8");
    assert_eq!(authorization.digest(&domain), by_hand(transfer));
    assert_eq!(authorization.receive_digest(&domain), by_hand(receive));
}

/// A transaction of Ethereum's main chain, `0x0ec0b6a2…`: its bytes say what the chain's explorers show.
#[test]
fn eip_1559_transaction() {
    let bytes = hex!(
        "02f872018307910d808507204d2cb1827d0094388c818ca8b9251b393131c08a736a67ccb19297880320d04823e2701c80c001a0cf024f4815304df2867a1a74e9d2707b6abda0337d2d54a4438d453f4160f190a07ac0e6b3bc9395b5b9c8b9e6d77204a236577a5b18467b9175c01de4faa208d9"
    );
    let (signed, draft, from) = SignedTransaction::read(&bytes).unwrap();
    assert_eq!(signed.hash().to_string(), format!("0x{}", hex::encode(keccak256(&bytes))));
    assert_eq!((draft.chain_id, draft.account_nonce, draft.gas_limit), (1, 0x07_910d, 32_000));
    assert_eq!((draft.fees.max_fee, draft.fees.max_priority), (0x07_204d_2cb1, 0));
    assert_eq!(draft.to, address("0x388C818CA8B9251b393131C08a736A67ccB19297"));
    assert_eq!(from, address("0x95222290DD7278Aa3Ddd389Cc1E1d165CC4BAfe5"));
    let again = draft.join(&signature_of(&bytes), from).unwrap();
    assert_eq!(again, signed, "draft and signature give the bytes back");
    assert_eq!(draft.join(&signature_of(&bytes), draft.to), Err(aegis_evm::key::NotAKey));
    assert_eq!(SignedTransaction::read(&bytes[..bytes.len() - 1]), Err(NotATransaction));
    let longer = [&bytes[..], &[0]].concat();
    assert_eq!(SignedTransaction::read(&longer), Err(NotATransaction));
}

fn signature_of(bytes: &[u8]) -> aegis_evm::key::KeySignature {
    let s = bytes.len() - 32;
    let r = s - 33;
    let mut whole = [0; 65];
    whole[..32].copy_from_slice(&B256::from_slice(&bytes[r..r + 32]).0);
    whole[32..64].copy_from_slice(&bytes[s..]);
    whole[64] = 28;
    aegis_evm::key::KeySignature(whole)
}
