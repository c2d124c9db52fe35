// SPDX-License-Identifier: Apache-2.0
/**
 * Services of strangers: the best of those that are offered, waiting for them with a deadline,
 * saying where they are.
 */
package dev.faultline.machine.pc.internal.service;
