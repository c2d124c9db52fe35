// SPDX-License-Identifier: Apache-2.0
/**
 * The same guests on our engines and on QEMU's translator, in turn; {@code bench/engines} runs it.
 */
package dev.faultline.bench.engines;
