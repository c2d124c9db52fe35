// SPDX-License-Identifier: Apache-2.0
/** System instructions, far transfers, task switches (SDM 3A). */
@NullMarked
package dev.faultline.cpu.x86.semantics.system;

import org.jspecify.annotations.NullMarked;
