// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {Token} from "./Token.sol";

/// @notice What the chain lets this contract alone do with the coin that pays for gas, in units of 10^-18.
interface NativeCoin {
    function move(address from, address to, uint256 value) external;
    function create(address to, uint256 value) external;
    function destroy(address from, uint256 value) external;
}

/// @title The view of the coin that pays for gas as a token with fewer decimals
/// @notice There is one balance, with 18 decimals. This contract shows it with its own decimals, rounded down.
contract NativeToken is Token {
    NativeCoin private constant COIN = NativeCoin(0x1800000000000000000000000000000000000000);

    function balanceOf(address account) public view override returns (uint256) {
        return account.balance / _unit();
    }

    function _move(address from, address to, uint256 value) internal override {
        require(value <= balanceOf(from), "ERC20: transfer amount exceeds balance");
        COIN.move(from, to, value * _unit());
    }

    function _create(address to, uint256 value) internal override {
        COIN.create(to, value * _unit());
    }

    function _destroy(address from, uint256 value) internal override {
        require(value <= balanceOf(from), "ERC20: transfer amount exceeds balance");
        COIN.destroy(from, value * _unit());
    }

    /// @dev Native units in one unit of this contract.
    function _unit() private view returns (uint256) {
        return 10 ** (18 - uint256(decimals));
    }
}
