// SPDX-License-Identifier: Apache-2.0
/**
 * Services of strangers: the best of those that are offered, waiting for them with a deadline,
 * saying where they are.
 */
@NullMarked
package dev.faultline.machine.pc.internal.service;

import org.jspecify.annotations.NullMarked;
