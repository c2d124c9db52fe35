// SPDX-License-Identifier: Apache-2.0
/** General-purpose instructions (SDM 1, "Programming With General-Purpose Instructions"). */
package dev.faultline.cpu.x86.semantics.integer;
