// SPDX-License-Identifier: Apache-2.0
/**
 * Pages of snapshots behind web servers: range requests, retries, no other host than the one named.
 */
@NullMarked
package dev.faultline.source.http.internal;

import org.jspecify.annotations.NullMarked;
