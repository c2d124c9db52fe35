// SPDX-License-Identifier: Apache-2.0
/**
 * Lock-step: what generated code has executed is undone, executed again by the interpreter from the
 * same state, and all state is compared. A mode for tests and campaigns.
 */
@NullMarked
package dev.faultline.cpu.translator.lockstep;

import org.jspecify.annotations.NullMarked;
