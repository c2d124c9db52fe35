// SPDX-License-Identifier: Apache-2.0
/**
 * An access that was stopped: which handlers are asked, in which order, for how long, and what they
 * answered.
 */
@NullMarked
package dev.faultline.machine.pc.internal.fault;

import org.jspecify.annotations.NullMarked;
