// SPDX-License-Identifier: Apache-2.0
/**
 * The interpreting engine: blocks of decoded instructions, found by guest-physical address, and the
 * loop that runs them.
 */
package dev.faultline.cpu.interpreter.internal;
