// SPDX-License-Identifier: Apache-2.0
/** The goals of snapshots, measured; {@code bench/snapshots} runs it. */
package dev.faultline.bench.snapshots;
