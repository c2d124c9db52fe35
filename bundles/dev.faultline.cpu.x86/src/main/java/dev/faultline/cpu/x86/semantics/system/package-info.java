// SPDX-License-Identifier: Apache-2.0
/** System instructions, far transfers, task switches (SDM 3A). */
package dev.faultline.cpu.x86.semantics.system;
