// SPDX-License-Identifier: Apache-2.0
/**
 * Shared by unit tests: a machine as a fault handler sees it, guests rebuilt and compared, waits.
 */
package dev.faultline.testkit;
