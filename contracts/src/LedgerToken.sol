// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {Token} from "./Token.sol";

/// @title A coin whose balances the contract keeps itself
contract LedgerToken is Token {
    mapping(address => uint256) private _balances;

    function balanceOf(address account) public view override returns (uint256) {
        return _balances[account];
    }

    function _move(address from, address to, uint256 value) internal override {
        _destroy(from, value);
        _create(to, value);
    }

    function _create(address to, uint256 value) internal override {
        _balances[to] += value;
    }

    function _destroy(address from, uint256 value) internal override {
        require(value <= _balances[from], "ERC20: transfer amount exceeds balance");
        _balances[from] -= value;
    }
}
